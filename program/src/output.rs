//! Standard output as scripts read it: whole lines, one buffer, and no panic when the reader has gone
//! (`ioe-client … | head -1`).
//!
//! It must not know what the lines say.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A line writer that many threads may share; clones write to the same place.
///
/// Lines wait in a buffer until [`flush`](Output::flush), except on a terminal, where each one is shown at
/// once. So flush before waiting for anything; a program that ends with [`std::process::exit`] has to
/// flush too. After the first failure nothing more is written, and that failure is remembered.
#[derive(Clone)]
pub struct Output {
    state: Arc<Mutex<State>>,
}

struct State {
    writer: Option<BufWriter<Box<dyn Write + Send>>>,
    flush_lines: bool,
    failure: Option<io::ErrorKind>,
}

impl Output {
    /// The process's standard output.
    pub fn stdout() -> Self {
        let flush_lines = io::stdout().is_terminal();
        Self::new(Box::new(io::stdout()), flush_lines)
    }

    /// An output into any writer, for tests and for `--attach`.
    pub fn to(writer: Box<dyn Write + Send>) -> Self {
        Self::new(writer, false)
    }

    /// Writes one line; no other thread's line comes in between.
    pub fn line(&self, line: impl Display) {
        // Formatted outside the lock, so that a `Display` which prints cannot wait for itself.
        let mut text = line.to_string();
        text.push('\n');
        let mut state = self.state();
        state.write(|writer| writer.write_all(text.as_bytes()));
        if state.flush_lines {
            state.write(Write::flush);
        }
    }

    /// Writes bytes as they are, for a file whose destination is standard output.
    pub fn bytes(&self, bytes: &[u8]) {
        self.state().write(|writer| writer.write_all(bytes));
    }

    /// Hands everything written so far to the operating system.
    pub fn flush(&self) {
        self.state().write(Write::flush);
    }

    /// Whether nothing more can be written, so that going on makes no sense.
    pub fn is_closed(&self) -> bool {
        self.state().writer.is_none()
    }

    /// The first failure: `BrokenPipe` where the reader had read enough, which is no error of the program;
    /// anything else (a full disk) means that results were lost.
    pub fn failure(&self) -> Option<io::ErrorKind> {
        self.state().failure
    }

    fn new(writer: Box<dyn Write + Send>, flush_lines: bool) -> Self {
        let state = State { writer: Some(BufWriter::new(writer)), flush_lines, failure: None };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A thread that panicked while writing spoils a line at most: the others go on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, act: impl FnOnce(&mut BufWriter<Box<dyn Write + Send>>) -> io::Result<()>) {
        let Some(writer) = &mut self.writer else { return };
        let Err(error) = act(writer) else { return };
        self.failure = Some(error.kind());
        // Taken apart, because a dropped `BufWriter` would try the failed write once more.
        if let Some(writer) = self.writer.take() {
            drop(writer.into_parts());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Accepts a number of bytes, then fails with `BrokenPipe`; keeps what it got.
    #[derive(Clone)]
    struct Reader {
        taken: Arc<Mutex<Vec<u8>>>,
        byte_count_max: usize,
    }

    impl Reader {
        fn new(byte_count_max: usize) -> Self {
            Self { taken: Arc::default(), byte_count_max }
        }

        fn text(&self) -> String {
            String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut taken = self.taken.lock().unwrap();
            let count = bytes.len().min(self.byte_count_max - taken.len());
            if count == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_wait_for_a_flush_except_on_a_terminal() {
        let reader = Reader::new(100);
        let output = Output::to(Box::new(reader.clone()));
        output.line(format_args!("one {}", 1));
        output.bytes(b"raw");
        assert_eq!(reader.text(), "");
        output.flush();
        assert_eq!(reader.text(), "one 1\nraw");

        let terminal = Reader::new(100);
        Output::new(Box::new(terminal.clone()), true).line("shown");
        assert_eq!(terminal.text(), "shown\n");
    }

    #[test]
    fn the_first_failure_closes_the_output_and_is_remembered() {
        let reader = Reader::new(4);
        let output = Output::to(Box::new(reader.clone()));
        assert!(!output.is_closed());
        output.line("longer than four bytes");
        output.flush();
        assert!(output.is_closed());
        assert_eq!(output.failure(), Some(io::ErrorKind::BrokenPipe));
        output.line("into the void");
        drop(output);
        assert_eq!(reader.text(), "long");
    }

    #[test]
    fn lines_of_many_threads_do_not_mix() {
        let reader = Reader::new(1 << 20);
        let output = Output::to(Box::new(reader.clone()));
        thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let output = output.clone();
                scope.spawn(move || (0..500).for_each(|_| output.line(name.repeat(40))));
            }
        });
        output.flush();
        let text = reader.text();
        assert_eq!(text.lines().count(), 2000);
        assert!(text.lines().all(|line| line.len() == 40 && line.chars().all(|c| line.starts_with(c))));
    }
}
