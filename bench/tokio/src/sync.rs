// SPDX-License-Identifier: MIT

//! Rows about queues and locks: a queue is a bounded channel, and the lock is Tokio's own, which is fair.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::{channel, Receiver, Sender};
use tokio::sync::Mutex;
use tokio::task::yield_now;

use crate::machine::new_runtime;

const QUEUE_ROUNDS: usize = 5_000_000;
const QUEUE_CAPACITY: usize = 1;
const LOCK_TASKS: usize = 4;
const LOCK_ROUNDS: usize = 500_000;
const LOCK_PAIRS: usize = 20_000_000;

async fn answer(mut there: Receiver<u64>, back: Sender<u64>) {
    while let Some(item) = there.recv().await {
        back.send(item).await.expect("a receiver");
    }
}

async fn ask(there: &Sender<u64>, back: &mut Receiver<u64>, rounds: usize) {
    for i in 0..rounds as u64 {
        there.send(i).await.expect("a receiver");
        assert_eq!(back.recv().await, Some(i));
    }
}

/// Both ends are spawned tasks: what block_on polls is woken in another way.
pub fn row_queue() -> f64 {
    let asker = async {
        let (there, there_end) = channel(QUEUE_CAPACITY);
        let (back_end, mut back) = channel(QUEUE_CAPACITY);
        tokio::spawn(answer(there_end, back_end));
        ask(&there, &mut back, QUEUE_ROUNDS / 10).await;
        let start = Instant::now();
        ask(&there, &mut back, QUEUE_ROUNDS).await;
        start.elapsed().as_nanos() as f64 / QUEUE_ROUNDS as f64
    };
    new_runtime().block_on(async { tokio::spawn(asker).await.expect("a figure") })
}

async fn locker(lock: Arc<Mutex<usize>>, rounds: usize) {
    for _ in 0..rounds {
        let mut holders = lock.lock().await;
        *holders += 1;
        yield_now().await;
        *holders -= 1;
    }
}

async fn lockers(lock: &Arc<Mutex<usize>>, rounds: usize) {
    let all: Vec<_> = (0..LOCK_TASKS).map(|_| tokio::spawn(locker(lock.clone(), rounds))).collect();
    for task in all {
        task.await.expect("a task that ends");
    }
}

pub fn row_lock() -> f64 {
    let lock = Arc::new(Mutex::new(0));
    new_runtime().block_on(async {
        lockers(&lock, LOCK_ROUNDS / 10).await;
        let start = Instant::now();
        lockers(&lock, LOCK_ROUNDS).await;
        start.elapsed().as_nanos() as f64 / LOCK_TASKS as f64 / LOCK_ROUNDS as f64
    })
}

async fn lock_and_unlock(lock: &Mutex<usize>, pairs: usize) {
    for _ in 0..pairs {
        *black_box(lock).lock().await += 1;
    }
}

pub fn row_lock_uncontended() -> f64 {
    let locker = async {
        let lock = Mutex::new(0);
        lock_and_unlock(&lock, LOCK_PAIRS / 10).await;
        let start = Instant::now();
        lock_and_unlock(&lock, LOCK_PAIRS).await;
        start.elapsed().as_nanos() as f64 / LOCK_PAIRS as f64
    };
    new_runtime().block_on(async { tokio::spawn(locker).await.expect("a figure") })
}
