//! Grace periods: waits until every running program has ended.
//!
//! The kernel runs a program of a TCX hook inside an RCU read-side section
//! (sch_handle_ingress() and sch_handle_egress() in net/core/dev.c), and
//! MEMBARRIER_CMD_GLOBAL is synchronize_rcu() (kernel/sched/membarrier.c).

use std::fs;
use std::io;

use super::sys;

/// From linux/membarrier.h.
const QUERY: libc::c_int = 0;
const GLOBAL: libc::c_int = 1;

/// Waits for a grace period: some 10 to 30 ms, without using the CPU.
///
/// # Errors
/// If the kernel refuses.
pub(super) fn wait() -> io::Result<()> {
    sys::membarrier(GLOBAL).map(drop)
}

/// Returns the reason why this kernel can have no flow table, if any.
pub(super) fn obstacle() -> Option<&'static str> {
    let release = fs::read_to_string("/proc/version").unwrap_or_default();
    let realtime = fs::read_to_string("/sys/kernel/realtime");
    // The answer lacks the command if it does not work (nohz_full).
    let commands = sys::membarrier(QUERY).unwrap_or(0);
    find_obstacle(&release, realtime.ok().as_deref(), commands)
}

/// Returns whether the kernel has PREEMPT_RT.
pub(super) fn is_realtime() -> bool {
    let release = fs::read_to_string("/proc/version").unwrap_or_default();
    let realtime = fs::read_to_string("/sys/kernel/realtime");
    is_realtime_by(&release, realtime.ok().as_deref())
}

fn is_realtime_by(version: &str, realtime: Option<&str>) -> bool {
    version.split_whitespace().any(|it| it == "PREEMPT_RT")
        || realtime.is_some_and(|it| it.trim() == "1")
}

const REALTIME: &str = "with PREEMPT_RT a packet may interrupt another";
const NO_GRACE: &str = "the kernel has no MEMBARRIER_CMD_GLOBAL";

/// Judges by `/proc/version`, `/sys/kernel/realtime` and the commands that
/// membarrier(2) knows.
fn find_obstacle(
    version: &str,
    realtime: Option<&str>,
    commands: i64,
) -> Option<&'static str> {
    if is_realtime_by(version, realtime) {
        Some(REALTIME)
    } else if commands & i64::from(GLOBAL) == 0 {
        Some(NO_GRACE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: &str = "Linux version 6.18.0 (a@b) (gcc, GNU ld) \
        #1 SMP PREEMPT_DYNAMIC Mon Jan 1 00:00:00 UTC 2029";
    const REAL_TIME: &str = "Linux version 6.1.0-rt (a@b) (gcc, GNU ld) \
        #1 SMP PREEMPT_RT Debian 6.1.1-1 (2029-01-01)";

    #[test]
    fn an_ordinary_kernel_has_no_obstacle() {
        for realtime in [None, Some("0\n")] {
            assert_eq!(find_obstacle(ORDINARY, realtime, 0x1FF), None);
        }
    }

    #[test]
    fn a_realtime_kernel_is_known_by_its_version_or_its_file() {
        for (version, realtime) in
            [(REAL_TIME, None), (ORDINARY, Some("1\n")), ("", Some("1"))]
        {
            let found = find_obstacle(version, realtime, 0x1FF);
            assert_eq!(found, Some(REALTIME));
        }
    }

    #[test]
    fn a_kernel_without_the_global_command_gives_no_grace() {
        assert_eq!(find_obstacle(ORDINARY, None, 0x1FE), Some(NO_GRACE));
        assert_eq!(find_obstacle(ORDINARY, None, 0), Some(NO_GRACE));
    }
}
