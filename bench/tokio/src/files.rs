// SPDX-License-Identifier: MIT

//! Rows about files: spawn_blocking and read_at, with as many threads as the runtime likes. tokio::fs::File does the
//! same underneath, but needs a seek, and so a second trip to a thread, for each read. The file is that of
//! bench/files.h.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

use crate::machine::{new_runtime, shuffled};

const FILE_SIZE: usize = 268_435_456;
const FILE_READ: usize = 4096;
const FILE_TASKS: usize = 64;
const FILE_TASK_PAGES: usize = 1024;
const FILE_CACHED_READS: usize = 100_000;
const FILE_CACHED_MANY_READS: usize = 2500;
const FILE_COLD_READS: usize = 10_000;
const FILE_COLD_MANY_READS: usize = 200;

const FILE_PAGES: usize = FILE_SIZE / FILE_READ;

fn fill(file: &File) {
    let mut writer = BufWriter::new(file);
    for page in 0..FILE_PAGES {
        let mut data = [0; FILE_READ];
        data[..8].copy_from_slice(&page.to_ne_bytes());
        data[FILE_READ - 8..].copy_from_slice(&page.to_ne_bytes());
        writer.write_all(&data).expect("a page written");
    }
    writer.flush().expect("a file written");
    file.sync_all().expect("a file on the disk");
}

/// How many of the file's pages are in memory.
fn resident(file: &File) -> usize {
    let mut states = vec![0_u8; FILE_PAGES];
    unsafe {
        let mapped =
            libc::mmap(std::ptr::null_mut(), FILE_SIZE, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0);
        assert_ne!(mapped, libc::MAP_FAILED);
        assert_eq!(libc::mincore(mapped, FILE_SIZE, states.as_mut_ptr()), 0);
        libc::munmap(mapped, FILE_SIZE);
    }
    states.iter().filter(|state| **state & 1 != 0).count()
}

fn advise(file: &File, advice: libc::c_int) {
    assert_eq!(unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, advice) }, 0);
}

fn unnamed_file() -> File {
    let folder = std::env::var("TMPDIR").unwrap_or("/var/tmp".into());
    let mut path = format!("{folder}/hoop-bench-XXXXXX\0").into_bytes();
    unsafe {
        let fd = libc::mkstemp(path.as_mut_ptr().cast());
        assert!(fd >= 0, "cannot make the file");
        libc::unlink(path.as_ptr().cast());
        File::from_raw_fd(fd)
    }
}

fn new_file(is_cold: bool) -> Arc<File> {
    let file = unnamed_file();
    fill(&file);
    if is_cold {
        advise(&file, libc::POSIX_FADV_DONTNEED);
        advise(&file, libc::POSIX_FADV_RANDOM);
        assert_eq!(resident(&file), 0, "the file stays in memory: set TMPDIR to a folder on a disk");
    } else {
        assert_eq!(resident(&file), FILE_PAGES, "the file is not in memory");
    }
    Arc::new(file)
}

async fn reader(file: Arc<File>, order: Arc<Vec<u32>>, task: usize, first: usize, end: usize) {
    let mut buffer = vec![0; FILE_READ];
    for i in first..end {
        let page = order[(task * FILE_TASK_PAGES + i) % FILE_PAGES] as usize;
        let file = file.clone();
        let reading = tokio::task::spawn_blocking(move || {
            file.read_exact_at(&mut buffer, (page * FILE_READ) as u64).map(|()| buffer)
        });
        buffer = reading.await.expect("a result").expect("a page");
        let number = page.to_ne_bytes();
        assert!(buffer[..8] == number && buffer[FILE_READ - 8..] == number);
    }
}

async fn readers(file: &Arc<File>, order: &Arc<Vec<u32>>, count: usize, first: usize, end: usize) {
    let all: Vec<_> =
        (0..count).map(|task| tokio::spawn(reader(file.clone(), order.clone(), task, first, end))).collect();
    for task in all {
        task.await.expect("a task that ends");
    }
}

fn measure_reads(tasks: usize, reads: usize, is_cold: bool) -> f64 {
    let file = new_file(is_cold);
    let order = Arc::new(shuffled(FILE_PAGES));
    let warm = reads / 10;
    let elapsed = new_runtime().block_on(async {
        readers(&file, &order, tasks, 0, warm).await;
        let start = Instant::now();
        readers(&file, &order, tasks, warm, warm + reads).await;
        start.elapsed()
    });
    if is_cold {
        assert!(resident(&file) <= tasks * (warm + reads), "pages were read that nobody asked for");
    }
    elapsed.as_nanos() as f64 / tasks as f64 / reads as f64
}

pub fn row_file_cached_1() -> f64 {
    measure_reads(1, FILE_CACHED_READS, false)
}

pub fn row_file_cached_64() -> f64 {
    measure_reads(FILE_TASKS, FILE_CACHED_MANY_READS, false)
}

pub fn row_file_cold_1() -> f64 {
    measure_reads(1, FILE_COLD_READS, true)
}

pub fn row_file_cold_64() -> f64 {
    measure_reads(FILE_TASKS, FILE_COLD_MANY_READS, true)
}
