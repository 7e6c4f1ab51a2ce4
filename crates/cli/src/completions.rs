//! Shell completions and manual pages, generated from the command line's definition.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::failure::{Failure, work};
use crate::output::Output;

const COMPLETIONS_EXAMPLE: &str = "\
Example for bash; other shells use other folders:
  ticklot completions bash > ~/.local/share/bash-completion/completions/ticklot

Exit status: 0; 2 when the shell is unknown.";

const MAN_EXAMPLE: &str = "\
Examples:
  ticklot man | man -l -
  ticklot man --dir ~/.local/share/man/man1

Exit status: 0; 1 when a page cannot be written; 2 when the arguments are invalid.";

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLE)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLE)]
pub(crate) struct ManArgs {
    /// Write a page for each command to this folder, instead of printing all pages
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(
    args: &CompletionsArgs,
    command: Command,
    output: &mut Output,
) -> Result<(), Failure> {
    output.out.write_all(&script(args.shell, command))?;
    Ok(output.out.flush()?)
}

fn script(shell: Shell, mut command: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "ticklot", &mut script);
    script
}

pub(crate) fn man(args: &ManArgs, command: Command, output: &mut Output) -> Result<(), Failure> {
    let pages = all_pages(command)?;
    match &args.dir {
        None => pages
            .iter()
            .try_for_each(|(_, page)| output.out.write_all(page))?,
        Some(folder) => {
            let cannot = |error| work!("cannot write to {}: {error}", folder.display());
            std::fs::create_dir_all(folder).map_err(cannot)?;
            for (name, page) in pages {
                let path = folder.join(format!("{name}.1"));
                std::fs::write(&path, page).map_err(cannot)?;
                writeln!(output.out, "{}", path.display())?;
            }
        }
    }
    Ok(output.out.flush()?)
}

fn all_pages(mut command: Command) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    command.build();
    pages(&command)
}

/// The pages of the command and of its subcommands, each with its name.
fn pages(command: &Command) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut page = Vec::new();
    let name = command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned();
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .map_err(Failure::work)?;
    let mut all = vec![(name, page)];
    for below in command
        .get_subcommands()
        .filter(|it| it.get_name() != "help")
    {
        all.extend(pages(below)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, ValueEnum};

    use super::*;
    use crate::cli::Cli;

    fn names(command: &Command) -> Vec<String> {
        let all = command.get_subcommands().map(|it| it.get_name().to_owned());
        all.collect()
    }

    #[test]
    fn every_shell_completes_every_command() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell, Cli::command())).unwrap();
            for name in names(&Cli::command()) {
                assert!(script.contains(&name), "{name} for {shell}");
            }
            assert!(script.contains("price-range"), "options for {shell}");
        }
    }

    #[test]
    fn manual_covers_every_command() {
        let pages = all_pages(Cli::command()).unwrap();
        let text = |page: &[u8]| String::from_utf8(page.to_vec()).unwrap();
        let main = text(&pages[0].1);
        for name in names(&Cli::command()) {
            let own = format!("ticklot-{name}");
            let page = pages.iter().find(|(page, _)| *page == own);
            let (_, page) = page.unwrap_or_else(|| panic!("a page for {name}"));
            assert!(text(page).contains(".SH SYNOPSIS"), "{name}");
            assert!(main.contains(&name.replace('-', "\\-")), "{name}");
        }
        assert!(pages.iter().any(|(name, _)| name == "ticklot-config-check"));
    }
}
