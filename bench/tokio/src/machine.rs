// SPDX-License-Identifier: MIT

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

pub fn new_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// splitmix64
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// The same pseudo-random delays as bench_delays() in bench.h.
pub fn delays(count: usize, min: Duration, range: Duration) -> Vec<Duration> {
    let mut random = Random(1);
    let range = range.as_nanos() as u64;
    (0..count).map(|_| min + Duration::from_nanos(random.next() % range)).collect()
}

/// The same order as bench_shuffled() in bench.h.
pub fn shuffled(count: usize) -> Vec<u32> {
    let mut random = Random(2);
    let mut order: Vec<u32> = (0..count as u32).collect();
    for i in (1..count).rev() {
        order.swap(i, (random.next() % (i as u64 + 1)) as usize);
    }
    order
}

pub fn resident_bytes() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    let pages: i64 = text.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a number of pages");
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) }
}

/// Keeps the calling thread on one processor. On a machine without that processor it does nothing.
pub fn pin(processor: usize) {
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}
