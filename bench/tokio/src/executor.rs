// SPDX-License-Identifier: MIT

//! Rows about functions that block: spawn_blocking, with as many threads at most as the other programs have.

use std::hint::black_box;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

const EXECUTOR_THREADS: usize = 4;
const EXECUTOR_CALLS: usize = 50_000;
const EXECUTOR_MANY_TASKS: usize = 64;
const EXECUTOR_MANY_CALLS: usize = 10_000;

fn new_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().max_blocking_threads(EXECUTOR_THREADS).build().expect("a runtime")
}

fn return_one() -> usize {
    black_box(1)
}

async fn call_in_thread(calls: usize) {
    let mut sum = 0;
    for _ in 0..calls {
        sum += tokio::task::spawn_blocking(return_one).await.expect("a result");
    }
    assert_eq!(sum, calls);
}

async fn callers(tasks: usize, calls: usize) {
    let all: Vec<_> = (0..tasks).map(|_| tokio::spawn(call_in_thread(calls))).collect();
    for task in all {
        task.await.expect("a task that ends");
    }
}

fn measure_calls(tasks: usize, calls: usize) -> f64 {
    new_runtime().block_on(async {
        callers(tasks, calls / 10).await;
        let start = Instant::now();
        callers(tasks, calls).await;
        start.elapsed().as_nanos() as f64 / tasks as f64 / calls as f64
    })
}

pub fn row_executor_1() -> f64 {
    measure_calls(1, EXECUTOR_CALLS)
}

pub fn row_executor_64() -> f64 {
    measure_calls(EXECUTOR_MANY_TASKS, EXECUTOR_MANY_CALLS)
}
