//! System calls made by the threads of another process, as code that was
//! injected into them would make them: by ptrace(2).

#![expect(
    unsafe_code,
    reason = "ptrace has no safe interface in the standard library"
)]

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::zeroed;
use std::os::unix::fs::FileExt as _;

use libc::{c_int, c_long, c_uint, pid_t, user_regs_struct};

use super::wait::{PATIENCE, await_until};

/// The machine code of `syscall`.
const SYSCALL: [u8; 2] = [0x0F, 0x05];

/// A thread that waits in a system call, stopped until this is dropped. It
/// goes on waiting then.
pub(crate) struct Injected {
    thread: pid_t,
    memory: File,
    before: user_regs_struct,
    /// Where the next bytes go, below all that the thread has on its stack.
    free: u64,
}

impl Injected {
    /// Stops a thread as soon as it waits for something.
    pub(crate) fn into(process: u32, thread: u32) -> Self {
        await_until(PATIENCE, "a thread that waits", || {
            Self::try_into(process, thread).map_err(|e| e.to_string())
        })
    }

    fn try_into(process: u32, thread: u32) -> io::Result<Self> {
        let memory = OpenOptions::new()
            .read(true)
            .write(true)
            .open(format!("/proc/{process}/mem"))?;
        let thread = pid_t::try_from(thread).expect("a thread's number");
        trace(libc::PTRACE_SEIZE, thread, 0)?;
        trace(libc::PTRACE_INTERRUPT, thread, 0)?;
        await_stop(thread)?;
        let before = registers(thread)?;
        // Far below the red zone of the ABI.
        let free = (before.rsp - 4096) & !0xF;
        let stopped = Self { thread, memory, before, free };
        let mut code = [0; 2];
        stopped.memory.read_exact_at(&mut code, before.rip - 2)?;
        match code {
            SYSCALL => Ok(stopped),
            _ => Err(io::Error::other("it is in no system call")),
        }
    }

    /// Puts bytes into the memory of the process, and returns where.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> u64 {
        let length = u64::try_from(bytes.len()).expect("a few bytes");
        self.free = (self.free - length) & !0xF;
        self.memory.write_all_at(bytes, self.free).expect("its stack");
        self.free
    }

    /// Makes a system call and returns its result.
    ///
    /// # Errors
    /// What the call returned.
    pub(crate) fn call(
        &self,
        number: c_long,
        arguments: [u64; 6],
    ) -> io::Result<u64> {
        let mut during = self.before;
        during.rip -= 2;
        during.rax = number.cast_unsigned();
        // It is not to be made again after the stop.
        during.orig_rax = u64::MAX;
        let [rdi, rsi, rdx, r10, r8, r9] = arguments;
        (during.rdi, during.rsi, during.rdx) = (rdi, rsi, rdx);
        (during.r10, during.r8, during.r9) = (r10, r8, r9);
        set_registers(self.thread, &during)?;
        trace(libc::PTRACE_SINGLESTEP, self.thread, 0)?;
        await_stop(self.thread)?;
        let result = registers(self.thread)?.rax.cast_signed();
        match u64::try_from(result) {
            Ok(result) => Ok(result),
            Err(_) => {
                let errno = c_int::try_from(-result).expect("an errno");
                Err(io::Error::from_raw_os_error(errno))
            }
        }
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        // Where the process has ended meanwhile, there is nothing to restore.
        let _ = set_registers(self.thread, &self.before);
        let _ = trace(libc::PTRACE_DETACH, self.thread, 0);
    }
}

fn trace(request: c_uint, thread: pid_t, data: u64) -> io::Result<()> {
    // SAFETY: these requests take no addresses of this process.
    match unsafe { libc::ptrace(request, thread, 0_u64, data) } {
        result if result < 0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn await_stop(thread: pid_t) -> io::Result<()> {
    let mut status = 0;
    // SAFETY: the call writes one integer.
    let found = unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) };
    match found {
        found if found < 0 => Err(io::Error::last_os_error()),
        _ if libc::WIFSTOPPED(status) => Ok(()),
        _ => Err(io::Error::other(format!("it ended: status {status}"))),
    }
}

fn registers(thread: pid_t) -> io::Result<user_regs_struct> {
    // SAFETY: all-zero bytes are valid registers.
    let mut registers: user_regs_struct = unsafe { zeroed() };
    let place = &raw mut registers;
    // SAFETY: the request writes one such struct.
    match unsafe { libc::ptrace(libc::PTRACE_GETREGS, thread, 0_u64, place) } {
        result if result < 0 => Err(io::Error::last_os_error()),
        _ => Ok(registers),
    }
}

fn set_registers(
    thread: pid_t,
    registers: &user_regs_struct,
) -> io::Result<()> {
    let place = std::ptr::from_ref(registers);
    // SAFETY: the request reads one such struct.
    match unsafe { libc::ptrace(libc::PTRACE_SETREGS, thread, 0_u64, place) } {
        result if result < 0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
