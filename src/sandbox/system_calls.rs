//! Restricts system calls by seccomp: a thread may make those of its duty in
//! [`allowed`](super::allowed), and every other fails with EPERM. So a feature
//! that the table forgot fails and says so, and counting goes on.
//!
//! A filter belongs to a thread and to those it starts, and can only be
//! narrowed. So each thread sets its own filter when it takes up its duty, the
//! main thread last.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen,
    SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    apply_filter,
};

use super::allowed::{Arguments, Is, TABLE, TABLE_HERE, Threads, Value};

/// Restricts the calling thread, and those that it starts.
pub(super) fn restrict(threads: Threads) -> Result<(), Error> {
    let programs = [without_clone3(), program(threads)];
    for program in programs {
        match apply_filter(&program.map_err(Error::Backend)?) {
            // The kernel has no filters. The report says so.
            Err(Error::Seccomp(error))
                if error.raw_os_error() == Some(libc::EINVAL) =>
            {
                return Ok(());
            }
            other => other?,
        }
    }
    Ok(())
}

/// Makes clone3(2) fail with ENOSYS, because the C library falls back to
/// clone(2) only then. If two filters answer with errors, the kernel takes that
/// of the later one, so the later filter has to allow the call.
fn without_clone3() -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        architecture()?,
    )?
    .try_into()
}

fn program(threads: Threads) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(
        rules(threads)?,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        SeccompAction::Allow,
        architecture()?,
    )?
    .try_into()
}

fn architecture() -> Result<TargetArch, BackendError> {
    std::env::consts::ARCH.try_into()
}

fn rules(
    threads: Threads,
) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    TABLE
        .iter()
        .chain(TABLE_HERE)
        .filter(|row| row.threads & threads != 0)
        .map(|row| Ok((row.call, alternatives(row.arguments)?)))
        .collect()
}

fn alternatives(
    arguments: Arguments,
) -> Result<Vec<SeccompRule>, BackendError> {
    let all_of = |conditions: &&[Is]| {
        let conditions = conditions.iter().map(condition);
        SeccompRule::new(conditions.collect::<Result<_, _>>()?)
    };
    arguments.iter().map(all_of).collect()
}

fn condition(is: &Is) -> Result<SeccompCondition, BackendError> {
    let length = match u32::try_from(is.bits) {
        Ok(_) => SeccompCmpArgLen::Dword,
        Err(_) => SeccompCmpArgLen::Qword,
    };
    let value = match is.value {
        Value::Fixed(value) => value,
        Value::OwnProcess => u64::from(std::process::id()),
    };
    let compare = SeccompCmpOp::MaskedEq(is.bits);
    SeccompCondition::new(is.argument, length, compare, value)
}

#[cfg(test)]
mod tests;
