//! Somebody who asks the same again and again over many connections, in one thread, of ioe or of a web server. The bytes
//! are written by hand; each answer is compared with the first.
//!
//! It must not know who listens.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use serde_json::json;

use crate::by_hand::{hello, line_of};

/// The word that makes the program of the benchmarks ask.
pub(crate) const LOAD: &str = "load";
/// So many answers are taken at once.
const EVENTS_MAX: usize = 256;
/// A server that says nothing for so long has failed.
const SILENCE_MAX: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Of ioe: what a path is.
    Stat,
    /// Of ioe: a file.
    Read,
    /// Of a web server: what a path is.
    Head,
    /// Of a web server: a file.
    Get,
}

const WORDS: [(Asked, &str); 4] =
    [(Asked::Stat, "stat"), (Asked::Read, "read"), (Asked::Head, "HEAD"), (Asked::Get, "GET")];

impl Asked {
    /// How it is called in a command line.
    pub(crate) fn word(self) -> &'static str {
        WORDS.iter().find(|(asked, _)| *asked == self).map_or("", |(_, word)| word)
    }

    fn of(word: &str) -> Option<Self> {
        WORDS.iter().find(|(_, other)| *other == word).map(|(asked, _)| *asked)
    }

    fn is_web(self) -> bool {
        matches!(self, Self::Head | Self::Get)
    }

    fn request(self, name: &str) -> Vec<u8> {
        let word = self.word();
        if self.is_web() {
            return format!("{word} /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
        }
        line_of(&json!({"v": 1, "type": word, "id": 1, "path": name})).into_bytes()
    }
}

/// A connection and what has come of its answer.
struct Line {
    socket: TcpStream,
    answer: Vec<u8>,
    come: usize,
}

/// What is asked, and how the answer looks.
struct Exchange {
    request: Vec<u8>,
    answer: Vec<u8>,
    /// Before this it may differ: a web server tells the time.
    fixed_from: usize,
}

/// Asks: `ADDRESS WORD NAME COUNT_OF_CONNECTIONS MILLISECONDS`; says how many answers came each second.
pub(crate) fn run(words: &[String]) -> io::Result<()> {
    let wrong = || io::Error::other("the load has the wrong words");
    let [address, asked, name, count, milliseconds] = words else { return Err(wrong()) };
    let address: SocketAddr = address.parse().map_err(|_| wrong())?;
    let asked = Asked::of(asked).ok_or_else(wrong)?;
    let count: usize = count.parse().map_err(|_| wrong())?;
    let time = Duration::from_millis(milliseconds.parse().map_err(|_| wrong())?);
    let exchange = probe(address, asked, name)?;
    let mut lines = (0..count).map(|_| open(address, asked, &exchange)).collect::<io::Result<Vec<_>>>()?;
    let begin = Instant::now();
    let answer_count = ask(&mut lines, &exchange, begin + time)?;
    let seconds = begin.elapsed().as_secs_f64();
    writeln!(io::stdout(), "{answer_count} {seconds}")
}

/// What such a run said: answers each second.
pub(crate) fn rate_of(output: &[u8]) -> f64 {
    let text = String::from_utf8_lossy(output).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    numbers[0] / numbers[1]
}

fn dial(address: SocketAddr, asked: Asked) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    if !asked.is_web() {
        socket.write_all(line_of(&hello("0123456789abcdef0123456789abcdef")).as_bytes())?;
        let mut byte = [0];
        while byte != *b"\n" {
            socket.read_exact(&mut byte)?;
        }
    }
    Ok(socket)
}

/// Asks once, to know the answer.
fn probe(address: SocketAddr, asked: Asked, name: &str) -> io::Result<Exchange> {
    let mut socket = dial(address, asked)?;
    let request = asked.request(name);
    socket.write_all(&request)?;
    let mut reader = BufReader::new(socket);
    let mut answer = String::new();
    let is_last = |line: &str| match asked {
        Asked::Stat => true,
        Asked::Read => line.contains("\"type\":\"end\""),
        Asked::Head | Asked::Get => line == "\r\n",
    };
    loop {
        let before = answer.len();
        if reader.read_line(&mut answer)? == 0 {
            return Err(io::Error::other(format!("an unexpected answer: {answer}")));
        }
        if is_last(&answer[before..]) {
            break;
        }
    }
    let fixed_from = if asked.is_web() { answer.len() } else { 0 };
    let mut answer = answer.into_bytes();
    if asked == Asked::Get {
        let head = String::from_utf8_lossy(&answer).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let length: u64 = length.trim().parse().map_err(io::Error::other)?;
        reader.take(length).read_to_end(&mut answer)?;
    }
    Ok(Exchange { request, answer, fixed_from })
}

fn open(address: SocketAddr, asked: Asked, exchange: &Exchange) -> io::Result<Line> {
    let socket = dial(address, asked)?;
    socket.set_nonblocking(true)?;
    // One byte more than expected, so that more is seen.
    Ok(Line { socket, answer: vec![0; exchange.answer.len() + 1], come: 0 })
}

fn ask(lines: &mut [Line], exchange: &Exchange, deadline: Instant) -> io::Result<u64> {
    let waiting = epoll::create(CreateFlags::CLOEXEC)?;
    for (index, line) in lines.iter_mut().enumerate() {
        epoll::add(&waiting, &line.socket, EventData::new_u64(index as u64), EventFlags::IN)?;
        line.socket.write_all(&exchange.request)?;
    }
    let mut events = Vec::with_capacity(EVENTS_MAX);
    let mut answer_count = 0;
    while Instant::now() < deadline {
        events.clear();
        epoll::wait(&waiting, spare_capacity(&mut events), Some(&SILENCE_MAX))?;
        if events.is_empty() {
            return Err(io::Error::other("the server says nothing"));
        }
        for event in &events {
            let line = usize::try_from(event.data.u64()).ok().and_then(|index| lines.get_mut(index));
            let line = line.ok_or_else(|| io::Error::other("no such connection"))?;
            answer_count += u64::from(take(line, exchange)?);
        }
    }
    Ok(answer_count)
}

/// Takes what has come; when that was a whole answer, asks again.
fn take(line: &mut Line, exchange: &Exchange) -> io::Result<bool> {
    let count = line.socket.read(&mut line.answer[line.come..])?;
    line.come += count;
    let (length, from) = (exchange.answer.len(), exchange.fixed_from);
    if count == 0 || line.come > length {
        return Err(io::Error::other("an answer of another length"));
    }
    if line.come < length {
        return Ok(false);
    }
    if line.answer[from..length] != exchange.answer[from..] {
        return Err(io::Error::other("another answer"));
    }
    line.come = 0;
    line.socket.write_all(&exchange.request)?;
    Ok(true)
}
