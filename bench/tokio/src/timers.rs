// SPDX-License-Identifier: MIT

//! Rows about timers. A timer is a `Sleep` in a slot of ours, allocated before the clock starts; it is armed by polling
//! it once and cancelled by dropping it in place. Tokio's timer wheel counts in milliseconds.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::task::{unconstrained, yield_now};
use tokio::time::{sleep, Sleep};

use crate::machine::{delays, new_runtime, shuffled};

const TIMERS: usize = 1_000_000;
const TIMER_ROUNDS: u32 = 4;
const TIMER_MIN: Duration = Duration::from_secs(3600);
const TIMER_RANGE: Duration = Duration::from_secs(3600);
const FIRE_TIMERS: usize = 100_000;
const FIRE_ROUNDS: u32 = 5;
const FIRE_MIN: Duration = Duration::from_millis(200);
const FIRE_RANGE: Duration = Duration::from_millis(50);
const FIRE_BLOCK: Duration = Duration::from_millis(260);

type Slot = Pin<Box<Option<Sleep>>>;

fn new_slots(count: usize) -> Vec<Slot> {
    (0..count).map(|_| Box::pin(None)).collect()
}

fn arm(slots: &mut [Slot], delays: &[Duration], waker: &Waker) {
    let mut context = Context::from_waker(waker);
    for (slot, delay) in slots.iter_mut().zip(delays) {
        slot.as_mut().set(Some(sleep(*delay)));
        let timer = slot.as_mut().as_pin_mut().expect("a timer");
        assert!(timer.poll(&mut context).is_pending());
    }
}

fn cancel(slots: &mut [Slot], order: &[u32]) {
    for i in order {
        slots[*i as usize].set(None);
    }
}

/// Arms and cancels all timers a few times; the sums leave out the first round.
fn churn() -> (Duration, Duration) {
    let delays = delays(TIMERS, TIMER_MIN, TIMER_RANGE);
    let order = shuffled(TIMERS);
    let mut slots = new_slots(TIMERS);
    let (mut inserts, mut cancels) = (Duration::ZERO, Duration::ZERO);
    // Unconstrained: else the task's budget, not the timer, answers the poll from the 129th on.
    new_runtime().block_on(unconstrained(async {
        for round in 0..=TIMER_ROUNDS {
            let start = Instant::now();
            arm(&mut slots, &delays, Waker::noop());
            let armed = Instant::now();
            cancel(&mut slots, &order);
            if round > 0 {
                inserts += armed - start;
                cancels += armed.elapsed();
            }
        }
    }));
    (inserts, cancels)
}

fn per_timer(sum: Duration, rounds: u32, timers: usize) -> f64 {
    sum.as_nanos() as f64 / f64::from(rounds) / timers as f64
}

pub fn row_timer_insert() -> f64 {
    per_timer(churn().0, TIMER_ROUNDS, TIMERS)
}

pub fn row_timer_cancel() -> f64 {
    per_timer(churn().1, TIMER_ROUNDS, TIMERS)
}

/// Counts its wake-ups: the trivial callback.
#[derive(Default)]
struct Fired(AtomicUsize);

impl Wake for Fired {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

pub fn row_timer_fire() -> f64 {
    let delays = delays(FIRE_TIMERS, FIRE_MIN, FIRE_RANGE);
    let mut slots = new_slots(FIRE_TIMERS);
    let fired = Arc::new(Fired::default());
    let waker = Waker::from(fired.clone());
    let mut sum = Duration::ZERO;
    new_runtime().block_on(unconstrained(async {
        for round in 0..=FIRE_ROUNDS {
            fired.0.store(0, Relaxed);
            arm(&mut slots, &delays, &waker);
            std::thread::sleep(FIRE_BLOCK);
            assert_eq!(fired.0.load(Relaxed), 0, "a timer fired before the clock started");
            let start = Instant::now();
            while fired.0.load(Relaxed) < FIRE_TIMERS {
                yield_now().await;
            }
            if round > 0 {
                sum += start.elapsed();
            }
        }
    }));
    per_timer(sum, FIRE_ROUNDS, FIRE_TIMERS)
}
