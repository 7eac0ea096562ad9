// SPDX-License-Identifier: MIT

//! The row `post`: another thread sends through an unbounded channel to a task, while a second task yields all the time,
//! so that the runtime never sleeps.

use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Release};
use std::time::Instant;

use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::task::yield_now;

use crate::machine::{new_runtime, pin};

const POSTS: usize = 4_000_000;
const WARM_POSTS: usize = 500_000;

static RECEIVED: AtomicUsize = AtomicUsize::new(0);

fn send(inbox: &UnboundedSender<usize>, count: usize) {
    for i in 0..count {
        inbox.send(i).expect("a receiver");
    }
}

fn poster(inbox: UnboundedSender<usize>) -> f64 {
    pin(1);
    send(&inbox, WARM_POSTS);
    while RECEIVED.load(Acquire) < WARM_POSTS {
        std::hint::spin_loop();
    }
    let start = Instant::now();
    send(&inbox, POSTS);
    start.elapsed().as_nanos() as f64 / POSTS as f64
}

async fn receive(mut inbox: UnboundedReceiver<usize>) {
    for received in 1..=WARM_POSTS + POSTS {
        inbox.recv().await.expect("a message");
        RECEIVED.store(received, Release);
    }
}

async fn keep_busy() {
    loop {
        yield_now().await;
    }
}

pub fn row_post() -> f64 {
    pin(0);
    new_runtime().block_on(async {
        let (sender, inbox) = unbounded_channel();
        tokio::spawn(keep_busy());
        let receiver = tokio::spawn(receive(inbox));
        let thread = std::thread::spawn(move || poster(sender));
        receiver.await.expect("every message");
        thread.join().expect("a figure")
    })
}
