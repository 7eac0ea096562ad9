// SPDX-License-Identifier: MIT

//! Rows about tasks. A task is a future with its locals inside: it has no stack, and the chain of calls is a chain of
//! nested async functions, which the compiler turns into one state machine.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::task::{yield_now, JoinHandle};

use crate::machine::{new_runtime, resident_bytes};

const YIELD_TASKS: usize = 1000;
const YIELD_ROUNDS: usize = 20_000;
const YIELD_MANY_TASKS: usize = 100_000;
const YIELD_MANY_ROUNDS: usize = 50;
pub const SPAWNS: usize = 5_000_000;
pub const SPAWN_BATCH: usize = 1000;
const MEMORY_TASKS: usize = 1_000_000;
const MEMORY_LOCALS: usize = 200;

async fn level1(x: u64) -> u64 {
    level2(black_box(x + 1)).await + black_box(x)
}

async fn level2(x: u64) -> u64 {
    level3(black_box(x + 1)).await + black_box(x)
}

async fn level3(x: u64) -> u64 {
    level4(black_box(x + 1)).await + black_box(x)
}

async fn level4(x: u64) -> u64 {
    yield_now().await;
    black_box(x + 1)
}

#[derive(Default)]
struct Yields {
    started: AtomicUsize,
    ended: AtomicUsize,
    start: OnceLock<Instant>,
    elapsed: OnceLock<Duration>,
}

/// The clock starts when the first task has done its tenth of rounds for warming up, and stops when the last task ends.
async fn yielder(yields: Arc<Yields>, tasks: usize, rounds: usize) {
    for _ in 0..rounds / 10 {
        black_box(level1(black_box(0)).await);
    }
    if yields.started.fetch_add(1, Relaxed) == 0 {
        yields.start.set(Instant::now()).expect("one first task");
    }
    for _ in 0..rounds {
        black_box(level1(black_box(0)).await);
    }
    if yields.ended.fetch_add(1, Relaxed) + 1 == tasks {
        let start = yields.start.get().expect("a first task");
        yields.elapsed.set(start.elapsed()).expect("one last task");
    }
}

fn measure_yields(tasks: usize, rounds: usize) -> f64 {
    let yields = Arc::new(Yields::default());
    new_runtime().block_on(async {
        let all: Vec<_> = (0..tasks).map(|_| tokio::spawn(yielder(yields.clone(), tasks, rounds))).collect();
        for task in all {
            task.await.expect("a task that ends");
        }
    });
    yields.elapsed.get().expect("a last task").as_nanos() as f64 / tasks as f64 / rounds as f64
}

pub fn row_yield() -> f64 {
    measure_yields(YIELD_TASKS, YIELD_ROUNDS)
}

pub fn row_yield_100k() -> f64 {
    measure_yields(YIELD_MANY_TASKS, YIELD_MANY_ROUNDS)
}

async fn return_at_once() -> u64 {
    black_box(1)
}

async fn spawn_one_by_one(count: usize) {
    for _ in 0..count {
        black_box(tokio::spawn(return_at_once()).await.expect("a result"));
    }
}

/// The spawner is a task itself: what block_on polls is woken in another way.
pub fn row_spawn() -> f64 {
    let spawner = async {
        spawn_one_by_one(SPAWNS / 10).await;
        let start = Instant::now();
        spawn_one_by_one(SPAWNS).await;
        start.elapsed().as_nanos() as f64 / SPAWNS as f64
    };
    new_runtime().block_on(async { tokio::spawn(spawner).await.expect("a figure") })
}

async fn spawn_batches(batches: usize) {
    let mut children: Vec<JoinHandle<u64>> = Vec::with_capacity(SPAWN_BATCH);
    for _ in 0..batches {
        children.extend((0..SPAWN_BATCH).map(|_| tokio::spawn(return_at_once())));
        for child in children.drain(..) {
            black_box(child.await.expect("a result"));
        }
    }
}

pub fn row_spawn_batch() -> f64 {
    let spawner = async {
        spawn_batches(SPAWNS / SPAWN_BATCH / 10).await;
        let start = Instant::now();
        spawn_batches(SPAWNS / SPAWN_BATCH).await;
        start.elapsed().as_nanos() as f64 / SPAWNS as f64
    };
    new_runtime().block_on(async { tokio::spawn(spawner).await.expect("a figure") })
}

static SLEEPING: AtomicUsize = AtomicUsize::new(0);

async fn sleeper() {
    let mut locals = [0u8; MEMORY_LOCALS];
    black_box(&mut locals);
    SLEEPING.fetch_add(1, Relaxed);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    black_box(&mut locals);
}

/// Creates the sleepers and reads the memory when `enough` of them have begun. What they leave is not torn down.
fn measure_memory(enough: usize) -> f64 {
    let runtime = new_runtime();
    let bytes = runtime.block_on(async {
        let before = resident_bytes();
        for _ in 0..MEMORY_TASKS {
            drop(tokio::spawn(sleeper()));
        }
        while SLEEPING.load(Relaxed) < enough {
            yield_now().await;
        }
        resident_bytes() - before
    });
    std::mem::forget(runtime);
    bytes as f64 / MEMORY_TASKS as f64
}

pub fn row_memory_suspended() -> f64 {
    measure_memory(MEMORY_TASKS)
}

pub fn row_memory_unstarted() -> f64 {
    measure_memory(0)
}
