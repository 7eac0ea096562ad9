// SPDX-License-Identifier: MIT

//! Rows about helper processes. Tokio has no pool of them: the program starts itself once more and talks with that
//! process over pipes. A frame is its length in eight bytes and so many bytes; each frame is answered by one. Both
//! sides have buffers; a large frame goes past them.

use std::io::{Read, Write};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::machine::new_runtime;

const HELPER_SMALL_JOBS: usize = 10_000;
const HELPER_SMALL_SIZE: usize = 1024;
const HELPER_LARGE_JOBS: usize = 10;
const HELPER_LARGE_SIZE: usize = 67_108_864;
const WORD: usize = 8;

fn invert(data: &[u8]) -> Vec<u8> {
    data.iter().map(|byte| !byte).collect()
}

fn sum(data: &[u8]) -> Vec<u8> {
    let words = data.chunks_exact(WORD).map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes")));
    words.sum::<u64>().to_ne_bytes().to_vec()
}

/// The other side, in a process of its own. It blocks: it has nothing else to do.
pub fn helper(job: &str) {
    let does = if job == "invert" { invert } else { sum };
    let mut input = std::io::BufReader::new(std::io::stdin().lock());
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let mut length = [0; WORD];
    let mut frame = Vec::new();
    while input.read_exact(&mut length).is_ok() {
        frame.resize(usize::from_ne_bytes(length), 0);
        input.read_exact(&mut frame).expect("a whole frame");
        let answer = does(&frame);
        output.write_all(&answer.len().to_ne_bytes()).expect("a listener");
        output.write_all(&answer).expect("a listener");
        output.flush().expect("a listener");
    }
}

struct Helper {
    _process: Child, // killed when it is dropped
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
    answer: Vec<u8>,
}

impl Helper {
    fn start(job: &str) -> Helper {
        let mut command = Command::new("/proc/self/exe");
        let piped = std::process::Stdio::piped;
        command.args(["helper", job]).stdin(piped()).stdout(piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("a helper");
        let to = BufWriter::new(process.stdin.take().expect("a pipe"));
        let from = BufReader::new(process.stdout.take().expect("a pipe"));
        Helper { _process: process, to, from, answer: Vec::new() }
    }

    async fn ask(&mut self, input: &[u8]) -> std::io::Result<&[u8]> {
        self.to.write_all(&input.len().to_ne_bytes()).await?;
        self.to.write_all(input).await?;
        self.to.flush().await?;
        let mut length = [0; WORD];
        self.from.read_exact(&mut length).await?;
        self.answer.resize(usize::from_ne_bytes(length), 0);
        self.from.read_exact(&mut self.answer).await?;
        Ok(&self.answer)
    }

    async fn ask_all(&mut self, count: usize, input: &[u8], expected: &[u8]) {
        for _ in 0..count {
            assert_eq!(self.ask(input).await.expect("an answer"), expected);
        }
    }
}

/// The input is words that count up from 0.
fn measure_jobs(job: &str, size: usize, count: usize) -> f64 {
    let words = (size / WORD) as u64;
    let input: Vec<u8> = (0..words).flat_map(u64::to_ne_bytes).collect();
    let expected = if job == "sum" { (words * (words - 1) / 2).to_ne_bytes().to_vec() } else { invert(&input) };
    new_runtime().block_on(async {
        let mut helper = Helper::start(job);
        helper.ask_all(count / 10, &input, &expected).await;
        let start = Instant::now();
        helper.ask_all(count, &input, &expected).await;
        start.elapsed().as_nanos() as f64 / count as f64
    })
}

pub fn row_helper_1k() -> f64 {
    measure_jobs("invert", HELPER_SMALL_SIZE, HELPER_SMALL_JOBS)
}

pub fn row_helper_64m() -> f64 {
    measure_jobs("sum", HELPER_LARGE_SIZE, HELPER_LARGE_JOBS)
}
