// SPDX-License-Identifier: MIT

//! Rows about many tasks at once. Tokio's JoinSet is both: what gathers results, and the group whose first error aborts
//! the rest.

use std::future::Future;
use std::hint::black_box;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::machine::new_runtime;
use crate::tasks::{SPAWNS, SPAWN_BATCH};

/// Runs a batch as often as it takes to create so many tasks, first a tenth of that to warm up.
fn measure_batches<F: Future<Output = ()> + Send + 'static>(batch: fn() -> F) -> f64 {
    let spawner = async move {
        for _ in 0..SPAWNS / SPAWN_BATCH / 10 {
            batch().await;
        }
        let start = Instant::now();
        for _ in 0..SPAWNS / SPAWN_BATCH {
            batch().await;
        }
        start.elapsed().as_nanos() as f64 / SPAWNS as f64
    };
    new_runtime().block_on(async { tokio::spawn(spawner).await.expect("a figure") })
}

async fn return_one() -> usize {
    black_box(1)
}

async fn gather() {
    let children: JoinSet<usize> = (0..SPAWN_BATCH).map(|_| return_one()).collect();
    assert_eq!(children.join_all().await.into_iter().sum::<usize>(), SPAWN_BATCH);
}

pub fn row_gather() -> f64 {
    measure_batches(gather)
}

async fn return_ok() -> Result<(), i32> {
    black_box(Ok(()))
}

async fn group() {
    let mut children = JoinSet::new();
    for _ in 0..SPAWN_BATCH {
        children.spawn(return_ok());
    }
    let mut first_error = None;
    while let Some(ended) = children.join_next().await {
        if let Err(error) = ended.expect("a child that is not aborted") {
            children.abort_all();
            first_error.get_or_insert(error);
        }
    }
    assert_eq!(first_error, None);
}

pub fn row_group() -> f64 {
    measure_batches(group)
}
