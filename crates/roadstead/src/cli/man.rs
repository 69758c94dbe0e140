//! `roadstead man`: the manual page roadstead(1), made of the command line's description.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Command;
use clap_mangen::Man;

/// Prints it: the program, then each subcommand with what it takes.
pub fn run() -> ExitCode {
    let written = page(super::command()).and_then(|page| io::stdout().write_all(&page));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// One page for all: there are few subcommands, and a reader who looks for a flag should find it.
fn page(mut program: Command) -> io::Result<Vec<u8>> {
    program.build();
    let man = Man::new(program.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    for subcommand in leaves(&program) {
        let name = subcommand.get_bin_name().unwrap_or_default();
        let name = name.trim_start_matches("roadstead ");
        writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
        let man = Man::new(subcommand.clone());
        without_heading(&mut page, |part| man.render_synopsis_section(part))?;
        without_heading(&mut page, |part| man.render_description_section(part))?;
        without_heading(&mut page, |part| man.render_options_section(part))?;
    }
    man.render_extra_section(&mut page)?;
    Ok(page)
}

/// The subcommands that do something, at whatever depth.
fn leaves(command: &Command) -> Vec<&Command> {
    let mut found = Vec::new();
    for subcommand in command.get_subcommands() {
        match subcommand.get_name() {
            "help" => {}
            _ if subcommand.has_subcommands() => found.extend(leaves(subcommand)),
            _ => found.push(subcommand),
        }
    }
    found
}

/// The part as a paragraph of the subcommand's section.
fn without_heading(
    page: &mut Vec<u8>,
    render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let mut part = Vec::new();
    render(&mut part)?;
    let part = String::from_utf8_lossy(&part);
    let lines = part
        .lines()
        .filter(|line| !line.starts_with(".ie") && !line.starts_with(".el"));
    writeln!(page, ".PP")?;
    for line in lines.filter(|line| !line.starts_with(".SH")) {
        writeln!(page, "{line}")?;
    }
    Ok(())
}
