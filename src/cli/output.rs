//! Output: what subcommands print. A reader that has gone, as in `turnstile openapi | head`, ends them quietly.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// Prints a line on standard output.
pub(super) fn line(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints without waiting for a line's end.
pub(super) fn text(text: impl Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    write!(output, "{text}")?;
    output.flush()
}

/// Prints a line on standard error, if anybody still reads it.
pub(super) fn complaint(text: impl Display) {
    // Nobody is left who could be told.
    let _unread = writeln!(io::stderr().lock(), "{text}");
}

/// True if the error is a reader that has gone.
pub(super) fn is_unread(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe))
}
