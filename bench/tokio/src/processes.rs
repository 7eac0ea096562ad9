// SPDX-License-Identifier: MIT

//! Rows about processes: tokio::process. The child has the standard descriptors of this program.

use std::hint::black_box;
use std::time::Instant;

use tokio::process::Command;

use crate::machine::new_runtime;

const PROCESSES: usize = 1000;
const PARENT_MEMORY: usize = 1_073_741_824;

async fn spawn_all(count: usize) {
    for _ in 0..count {
        let status = Command::new("/bin/true").status().await.expect("a process");
        assert!(status.success());
    }
}

pub fn row_process_small() -> f64 {
    new_runtime().block_on(async {
        spawn_all(PROCESSES / 10).await;
        let start = Instant::now();
        spawn_all(PROCESSES).await;
        start.elapsed().as_nanos() as f64 / PROCESSES as f64
    })
}

pub fn row_process_large() -> f64 {
    let memory = black_box(vec![1_u8; PARENT_MEMORY]);
    let value = row_process_small();
    assert_eq!(memory[PARENT_MEMORY / 2], 1);
    value
}
