//! A contender that processes the messages of an input one by one.

use std::hint::black_box;
use std::ops::Range;

use serde::Serialize;

use crate::input::{Envelope, Input};
use crate::measure::Contender;
use crate::parse::Text;

/// The work on one message.
pub(crate) trait Process {
    /// The result. Its JSON is compared with that of the other contenders.
    type Output<'a>: Serialize
    where
        Self: 'a;

    /// Processes the message in a line of a frame.
    fn message<'a>(&'a mut self, line: usize, text: Text<'a>) -> anyhow::Result<Self::Output<'a>>;

    /// The name of our decoder's backend; empty for peers.
    fn backend(&self) -> &'static str {
        ""
    }
}

/// Processes all messages of an input.
pub(crate) struct Messages<'p, P> {
    input: &'p Input,
    envelope: Envelope,
    process: P,
}

impl<'p, P: Process + 'p> Messages<'p, P> {
    /// With whole packets.
    pub(crate) fn packets(input: &'p Input, process: P) -> Box<dyn Contender + 'p> {
        Box::new(Self {
            input,
            envelope: Envelope::default(),
            process,
        })
    }

    /// With the JSON of each packet.
    pub(crate) fn json(input: &'p Input, process: P) -> Box<dyn Contender + 'p> {
        Box::new(Self {
            input,
            envelope: input.envelope(),
            process,
        })
    }

    fn each(
        &mut self,
        frame: usize,
        mut output: impl FnMut(P::Output<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Self {
            input,
            envelope,
            process,
        } = self;
        input.each_line(frame, |line, text| {
            let text = input.frames[frame].text(envelope.strip(text)?);
            output(process.message(line, text)?)
        })
    }
}

impl<'p, P: Process + 'p> Contender for Messages<'p, P> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for frame in frames {
            self.each(frame, |output| {
                black_box(output);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<String> {
        let mut result = Vec::new();
        self.each(frame, |output| {
            Ok(serde_json::to_writer(&mut result, &output)?)
        })?;
        Ok(String::from_utf8(result)?)
    }

    fn backend(&self) -> &'static str {
        self.process.backend()
    }
}
