// SPDX-License-Identifier: MIT

//! Tokio's side of the benchmark, to the contract in bench.h: --list prints the rows, ROW does that row once and prints
//! one JSON line, serve KIND serves until it is killed. Everything runs on a current_thread runtime with I/O and time
//! enabled, as a server has them.

mod executor;
mod files;
mod groups;
mod jobs;
mod machine;
mod post;
mod processes;
mod serve;
mod sync;
mod tasks;
mod timers;

struct Row {
    name: &'static str,
    unit: &'static str,
    measure: fn() -> f64,
}

const fn row(name: &'static str, unit: &'static str, measure: fn() -> f64) -> Row {
    Row { name, unit, measure }
}

const ROWS: &[Row] = &[
    row("yield", "ns", tasks::row_yield),
    row("yield_100k", "ns", tasks::row_yield_100k),
    row("queue", "ns", sync::row_queue),
    row("spawn", "ns", tasks::row_spawn),
    row("spawn_batch", "ns", tasks::row_spawn_batch),
    row("gather", "ns", groups::row_gather),
    row("group", "ns", groups::row_group),
    row("lock", "ns", sync::row_lock),
    row("lock_uncontended", "ns", sync::row_lock_uncontended),
    row("timer_insert", "ns", timers::row_timer_insert),
    row("timer_cancel", "ns", timers::row_timer_cancel),
    row("timer_fire", "ns", timers::row_timer_fire),
    row("post", "ns", post::row_post),
    row("executor_1", "ns", executor::row_executor_1),
    row("executor_64", "ns", executor::row_executor_64),
    row("process_small", "ns", processes::row_process_small),
    row("process_large", "ns", processes::row_process_large),
    row("helper_1k", "ns", jobs::row_helper_1k),
    row("helper_64m", "ns", jobs::row_helper_64m),
    row("file_cached_1", "ns", files::row_file_cached_1),
    row("file_cached_64", "ns", files::row_file_cached_64),
    row("file_cold_1", "ns", files::row_file_cold_1),
    row("file_cold_64", "ns", files::row_file_cold_64),
    row("memory_suspended", "B", tasks::row_memory_suspended),
    row("memory_unstarted", "B", tasks::row_memory_unstarted),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = words.first().expect("usage: PROGRAM --list | PROGRAM ROW | PROGRAM serve KIND ADDRESS ...");
    if word == "--list" {
        ROWS.iter().for_each(|row| println!("{}", row.name));
        serve::KINDS.iter().for_each(|kind| println!("serve_{kind}"));
        return;
    }
    if word == "serve" {
        serve::serve(&words[1..]);
        return;
    }
    if word == "helper" {
        jobs::helper(&words[1]);
        return;
    }
    let row = ROWS.iter().find(|row| row.name == *word).expect("no such row");
    let value = (row.measure)();
    println!("{{\"row\":\"{}\",\"value\":{:.3},\"unit\":\"{}\"}}", row.name, value, row.unit);
}
