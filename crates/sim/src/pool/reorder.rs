//! Reorders the fields of frames.

use std::fmt::Write;

use serde_json::Value;

/// Reorders the fields of a frame with one message, by `seed`. Objects with the same fields have the same order. If
/// `indent` is not zero, each field and item gets its own line, with `indent` spaces per level.
#[must_use]
pub fn reordered(frame: &[u8], seed: u64, indent: usize) -> Vec<u8> {
    // The packet type.
    let head = frame.iter().take_while(|byte| byte.is_ascii_digit());
    let (head, json) = frame.split_at(head.count());
    let Ok(json) = serde_json::from_slice(json) else {
        return frame.to_vec();
    };
    let mut writer = Writer {
        out: String::from_utf8_lossy(head).into_owned(),
        seed,
        indent,
        depth: 0,
    };
    writer.value(&json);
    writer.out.into_bytes()
}

struct Writer {
    out: String,
    seed: u64,
    indent: usize,
    depth: usize,
}

impl Writer {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fastrand::Rng::with_seed(self.seed).shuffle(&mut fields);
                self.list(['{', '}'], fields, |writer, (key, value)| {
                    let space = if writer.indent > 0 { " " } else { "" };
                    let _ = write!(writer.out, "\"{key}\":{space}");
                    writer.value(value);
                });
            }
            Value::Array(items) => self.list(['[', ']'], items, Self::value),
            scalar => {
                let _ = write!(self.out, "{scalar}");
            }
        }
    }

    fn list<T>(
        &mut self,
        [open, close]: [char; 2],
        items: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Self, T),
    ) {
        self.out.push(open);
        self.depth += 1;
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line();
            write(self, item);
        }
        self.depth -= 1;
        self.line();
        self.out.push(close);
    }

    fn line(&mut self) {
        if self.indent > 0 {
            self.out.push('\n');
            self.out
                .extend(std::iter::repeat_n(' ', self.indent * self.depth));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reorders_members_only() {
        let frame = br#"42["x",{"a":[{"b":1,"c":0.5,"d":"e"},{"b":2,"c":3,"d":null}],"f":true}]"#;
        let json = |frame: &[u8]| serde_json::from_slice::<Value>(&frame[2..]).unwrap();
        for indent in [0, 2] {
            let frames: Vec<_> = (0..20).map(|seed| reordered(frame, seed, indent)).collect();
            assert!(frames.iter().any(|it| *it != frames[0]));
            for other in frames {
                assert!(other.starts_with(b"42["));
                assert_eq!(json(&other), json(frame));
            }
        }
        let lines = "42[\n \"x\",\n {\n  \"y\": 1\n }\n]";
        assert_eq!(reordered(br#"42["x",{"y":1}]"#, 0, 1), lines.as_bytes());
    }
}
