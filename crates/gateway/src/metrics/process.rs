//! The resources that the process uses. A value that the system does not give is omitted.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::definition::{
    Definition, PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT_MEMORY,
    PROCESS_START_TIME, PROCESS_THREADS, PROCESS_VIRTUAL_MEMORY,
};
use super::snapshot::{FamilySnapshot, Value};

/// Returns the metrics of this process.
pub(super) fn families() -> Vec<FamilySnapshot> {
    let linux = linux::Process::read();
    let linux = linux.as_ref();

    let values: [(&'static Definition, Option<f64>); 7] = [
        (&PROCESS_CPU, cpu_time().map(|time| time.as_secs_f64())),
        (&PROCESS_RESIDENT_MEMORY, linux.map(|it| it.resident_bytes)),
        (&PROCESS_VIRTUAL_MEMORY, linux.map(|it| it.virtual_bytes)),
        (&PROCESS_OPEN_FDS, linux::open_files()),
        (&PROCESS_MAX_FDS, max_open_files()),
        (&PROCESS_START_TIME, linux.and_then(|it| it.start_time_s)),
        (&PROCESS_THREADS, linux.map(|it| it.threads)),
    ];
    let family = |(definition, value): (_, Option<f64>)| {
        Some(FamilySnapshot::single(
            definition,
            [],
            Value::Number(value?),
        ))
    };
    values.into_iter().filter_map(family).collect()
}

/// Returns the CPU time of all threads, in user space and in the kernel.
fn cpu_time() -> Option<Duration> {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).ok()
}

/// Returns the soft limit. `None` if there is no limit.
#[expect(
    clippy::cast_precision_loss,
    reason = "a limit needs no more than 52 bits"
)]
fn max_open_files() -> Option<f64> {
    getrlimit(Resource::Nofile)
        .current
        .map(|limit| limit as f64)
}

/// The part that only Linux gives, under `/proc` (`man 5 proc`).
mod linux {
    use std::fs;

    use rustix::param::{clock_ticks_per_second, page_size};

    /// The number of the field after the command in `/proc/self/stat`, which is the third.
    const FIRST_FIELD: usize = 3;
    const NUM_THREADS: usize = 20;
    const START_TIME: usize = 22;
    const VIRTUAL_SIZE: usize = 23;
    const RESIDENT_PAGES: usize = 24;

    pub(super) struct Process {
        pub(super) resident_bytes: f64,
        pub(super) virtual_bytes: f64,
        pub(super) threads: f64,
        /// Seconds since the Unix epoch.
        pub(super) start_time_s: Option<f64>,
    }

    impl Process {
        pub(super) fn read() -> Option<Self> {
            let stat = fs::read_to_string("/proc/self/stat").ok()?;
            // The command in parentheses may contain spaces and parentheses.
            let (_, fields) = stat.rsplit_once(") ")?;
            let fields: Vec<_> = fields.split(' ').collect();
            let field = |number: usize| fields.get(number - FIRST_FIELD)?.parse::<f64>().ok();

            let started_s = field(START_TIME)? / ticks_per_second();
            Some(Self {
                resident_bytes: field(RESIDENT_PAGES)? * page_bytes(),
                virtual_bytes: field(VIRTUAL_SIZE)?,
                threads: field(NUM_THREADS)?,
                start_time_s: boot_time_s().map(|booted_s| booted_s + started_s),
            })
        }
    }

    /// Returns the number of open file descriptors, without the one that reads the folder.
    pub(super) fn open_files() -> Option<f64> {
        let count = fs::read_dir("/proc/self/fd").ok()?.count();
        Some(f64::from(u32::try_from(count.saturating_sub(1)).ok()?))
    }

    /// Returns the time at which the system started, in seconds since the Unix epoch.
    fn boot_time_s() -> Option<f64> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse().ok()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a frequency needs no more than 52 bits"
    )]
    fn ticks_per_second() -> f64 {
        clock_ticks_per_second() as f64
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a page has less than 2^52 bytes"
    )]
    fn page_bytes() -> f64 {
        page_size() as f64
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn value(definition: &Definition) -> f64 {
        let families = families();
        let family = families
            .iter()
            .find(|family| family.definition == definition);
        match family.unwrap().series[0].1 {
            Value::Number(number) => number,
            ref other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_unix_has_cpu_time_that_only_increases() {
        let before = value(&PROCESS_CPU);
        let mut sum = 0_u64;
        for number in 0..5_000_000_u64 {
            sum = std::hint::black_box(sum.wrapping_add(number));
        }
        assert!(value(&PROCESS_CPU) > before && before > 0.0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_has_memory_files_threads_and_start_time() {
        let (resident, all) = (
            value(&PROCESS_RESIDENT_MEMORY),
            value(&PROCESS_VIRTUAL_MEMORY),
        );
        assert!((100_000.0..all).contains(&resident), "{resident} {all}");
        assert!(value(&PROCESS_THREADS) >= 1.0);
        assert!((3.0..=value(&PROCESS_MAX_FDS)).contains(&value(&PROCESS_OPEN_FDS)));

        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let age = now.unwrap().as_secs_f64() - value(&PROCESS_START_TIME);
        assert!((-2.0..86_400.0).contains(&age), "{age}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn open_file_is_counted() {
        let before = value(&PROCESS_OPEN_FDS);
        let files: Vec<_> = (0..20)
            .map(|_| std::fs::File::open("/proc/self/stat").unwrap())
            .collect();
        assert!(value(&PROCESS_OPEN_FDS) >= before + 10.0);
        drop(files);
    }
}
