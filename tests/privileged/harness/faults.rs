//! System calls of a process that fail when a test says so. The process is as
//! it was built: a filter of system calls (seccomp) asks the test about each
//! call that may have to fail, and the kernel answers the others.

#![expect(
    unsafe_code,
    reason = "seccomp has no safe interface in the standard library"
)]

use std::ffi::OsString;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use std::{fs, io};

use libc::{c_int, c_long};

use super::process::Background;
use super::sys::process_descriptor;
use super::wait::{PATIENCE, await_until};

/// A system call, by its number and perhaps one of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    number: c_long,
    argument: Option<(u32, u32)>,
}

impl Call {
    /// Any call with this number.
    pub(crate) const fn any(number: c_long) -> Self {
        Self { number, argument: None }
    }

    /// A call whose argument `index` is `value`.
    pub(crate) const fn with(number: c_long, index: u32, value: u32) -> Self {
        Self { number, argument: Some((index, value)) }
    }

    /// A command of bpf(2).
    pub(crate) const fn bpf(command: u32) -> Self {
        Self::with(libc::SYS_bpf, 0, command)
    }
}

/// One call and what it is answered: the switch of a test. A clone is the
/// same one.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    call: Call,
    /// Only of calls whose first argument is an open file that is also open
    /// under this number.
    file: Option<c_int>,
    /// Only of calls whose argument of this index is this path.
    path: Option<(usize, PathBuf)>,
    /// Only of calls that the main thread makes.
    is_of_main_thread: bool,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Zero where the kernel answers.
    errno: AtomicI32,
    /// Whether no answer comes instead.
    hangs: AtomicBool,
    /// How many calls are let through before the first that fails.
    passes: AtomicU64,
    failures: AtomicU64,
    /// How long each call takes before it is answered, in milliseconds.
    delay: AtomicU64,
}

/// The number under which the process holds what asks, out of the way.
const LISTENER: c_int = 900;

impl Fault {
    /// Returns a switch that is off.
    pub(crate) fn of(call: Call) -> Self {
        Self {
            call,
            file: None,
            path: None,
            is_of_main_thread: false,
            state: Arc::default(),
        }
    }

    /// The same, for calls whose argument of this index is this path.
    pub(crate) fn on_path(mut self, index: usize, path: &Path) -> Self {
        self.path = Some((index, path.to_owned()));
        self
    }

    /// The same, for calls that the main thread makes.
    pub(crate) fn of_main_thread(mut self) -> Self {
        self.is_of_main_thread = true;
        self
    }

    /// The same, for calls on the file that is open under this number.
    pub(crate) fn on_file(mut self, descriptor: c_int) -> Self {
        self.file = Some(descriptor);
        self
    }

    fn is_meant(&self, process: u32, question: &libc::seccomp_notif) -> bool {
        let file = |descriptor: u64| {
            fs::read_link(format!("/proc/{process}/fd/{descriptor}")).ok()
        };
        let is_of_file = self.file.is_none_or(|descriptor| {
            let wanted = u64::try_from(descriptor).ok().and_then(file);
            wanted.is_some() && wanted == file(question.data.args[0])
        });
        let is_of_path = self.path.as_ref().is_none_or(|(index, path)| {
            let address = question.data.args[*index];
            text_at(process, address).as_deref() == Some(path.as_os_str())
        });
        let is_of_thread = !self.is_of_main_thread || question.pid == process;
        is_of_file && is_of_path && is_of_thread
    }

    /// Lets every such call wait until it is mended, as on a disk that does
    /// not answer.
    pub(crate) fn hang(&self) {
        self.state.hangs.store(true, Ordering::SeqCst);
    }

    /// Lets every such call fail from now on.
    pub(crate) fn fail(&self, errno: c_int) {
        self.fail_behind(0, errno);
    }

    /// Lets so many pass, and every later one fail.
    pub(crate) fn fail_behind(&self, passes: u64, errno: c_int) {
        self.state.passes.store(passes, Ordering::SeqCst);
        self.state.errno.store(errno, Ordering::SeqCst);
    }

    /// Makes every such call last longer from now on.
    pub(crate) fn slow_down(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).expect("a short time");
        self.state.delay.store(millis, Ordering::SeqCst);
    }

    /// Lets the kernel answer again.
    pub(crate) fn mend(&self) {
        self.state.hangs.store(false, Ordering::SeqCst);
        self.state.errno.store(0, Ordering::SeqCst);
    }

    /// Returns how many calls failed.
    pub(crate) fn failures(&self) -> u64 {
        self.state.failures.load(Ordering::SeqCst)
    }

    /// Waits until so many more calls failed.
    pub(crate) fn await_failures(&self, more: u64) {
        let wanted = self.failures() + more;
        await_until(PATIENCE, "failed calls", || match self.failures() {
            now if now >= wanted => Ok(()),
            now => Err(format!("{now} of {wanted}")),
        });
    }

    fn answer(&self) -> c_int {
        let state = &self.state;
        let delay = state.delay.load(Ordering::SeqCst);
        thread::sleep(Duration::from_millis(delay));
        let errno = state.errno.load(Ordering::SeqCst);
        let one_less = |passes: u64| passes.checked_sub(1);
        let (all, order) = (&state.passes, Ordering::SeqCst);
        if errno == 0 || all.fetch_update(order, order, one_less).is_ok() {
            return 0;
        }
        state.failures.fetch_add(1, Ordering::SeqCst);
        errno
    }

    /// Makes `command` ask about such calls.
    fn install(&self, command: &mut Command) {
        let mut filter = filter(self.call);
        let install = move || {
            let program = libc::sock_fprog {
                len: u16::try_from(filter.len()).unwrap_or_default(),
                filter: filter.as_mut_ptr(),
            };
            // SAFETY: the call reads `program` and the filter it leads to,
            // which the closure owns. The descriptor that it returns gets
            // another number, which exec does not close.
            unsafe {
                let listener = libc::syscall(
                    libc::SYS_seccomp,
                    libc::SECCOMP_SET_MODE_FILTER,
                    libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
                    &raw const program,
                );
                let listener = c_int::try_from(listener).unwrap_or(-1);
                if listener < 0 || libc::dup2(listener, LISTENER) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes two system calls.
        unsafe { command.pre_exec(install) };
    }

    /// Answers what the process asks, until its end.
    fn serve(&self, process: u32) {
        let listener = listener_of(process).expect("cannot take the listener");
        let fault = self.clone();
        thread::spawn(move || {
            let mut held: Vec<libc::seccomp_notif> = Vec::new();
            loop {
                let hangs = fault.state.hangs.load(Ordering::SeqCst);
                if !hangs {
                    for mut question in held.drain(..) {
                        reply(&listener, &mut question, 0);
                    }
                }
                let timeout = if held.is_empty() { -1 } else { 20 };
                let mut question = match receive(&listener, timeout) {
                    Received::Question(question) => question,
                    Received::Nothing => continue,
                    Received::End => return,
                };
                let is_meant = fault.is_meant(process, &question);
                if is_meant && fault.state.hangs.load(Ordering::SeqCst) {
                    fault.state.failures.fetch_add(1, Ordering::SeqCst);
                    held.push(question);
                    continue;
                }
                let answer = if is_meant { fault.answer() } else { 0 };
                reply(&listener, &mut question, answer);
            }
        });
    }
}

/// Starts an exporter whose calls may fail.
pub(super) fn start(
    fault: Option<&Fault>,
    command: &mut Command,
) -> Background {
    if let Some(fault) = fault {
        fault.install(command);
    }
    let process = Background::start("geoip-exporter", command);
    if let Some(fault) = fault {
        fault.serve(process.pid());
    }
    process
}

/// Where `struct seccomp_data` has the number of the call, and the lower half
/// of its first argument on a little-endian machine.
const NUMBER: u32 = 0;
const FIRST_ARGUMENT: u32 = 16;

fn filter(call: Call) -> Vec<libc::sock_filter> {
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let code = |code, jt, jf, k| libc::sock_filter {
        code: u16::try_from(code).expect("16 bits"),
        jt,
        jf,
        k,
    };
    let number = u32::try_from(call.number).expect("a small number");
    let mut filter = vec![
        code(load, 0, 0, NUMBER),
        code(equal, 1, 0, number),
        code(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    if let Some((index, value)) = call.argument {
        filter.extend([
            code(load, 0, 0, FIRST_ARGUMENT + 8 * index),
            code(equal, 1, 0, value),
            code(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
        ]);
    }
    filter.push(code(answer, 0, 0, libc::SECCOMP_RET_USER_NOTIF));
    filter
}

fn listener_of(process: u32) -> io::Result<OwnedFd> {
    let process = process_descriptor(process)?;
    // SAFETY: the call takes integers; the descriptor is new.
    unsafe {
        let fd = libc::syscall(
            libc::SYS_pidfd_getfd,
            process.as_raw_fd(),
            LISTENER,
            0,
        );
        match c_int::try_from(fd) {
            Ok(fd) if fd >= 0 => Ok(OwnedFd::from_raw_fd(fd)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// What came of waiting for a call.
enum Received {
    Question(libc::seccomp_notif),
    Nothing,
    /// All who could make one have ended.
    End,
}

/// Waits so many milliseconds for a call; for ever where that is negative.
fn receive(listener: &OwnedFd, timeout: c_int) -> Received {
    let mut polled = libc::pollfd {
        fd: listener.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: the call reads and writes one element.
    unsafe { libc::poll(&raw mut polled, 1, timeout) };
    if polled.revents & libc::POLLIN == 0 {
        return match polled.revents {
            0 => Received::Nothing,
            _ => Received::End,
        };
    }
    // SAFETY: all-zero bytes are a valid seccomp_notif, and the kernel
    // wants them to be.
    let mut question: libc::seccomp_notif = unsafe { zeroed() };
    let request = request::<libc::seccomp_notif>(0);
    // SAFETY: the call writes one seccomp_notif.
    let result = unsafe {
        libc::ioctl(listener.as_raw_fd(), request, &raw mut question)
    };
    // Else the thread that asked is gone.
    match result {
        0 => Received::Question(question),
        _ => Received::Nothing,
    }
}

/// Returns the text at an address of a process, up to its NUL.
fn text_at(process: u32, address: u64) -> Option<OsString> {
    let memory = fs::File::open(format!("/proc/{process}/mem")).ok()?;
    let mut bytes = [0; 4096];
    // Up to the end of the page and, where there is one, of the next.
    let length = memory.read_at(&mut bytes, address).ok()?;
    let end = bytes[..length].iter().position(|&byte| byte == 0)?;
    Some(OsString::from_vec(bytes[..end].to_vec()))
}

fn reply(listener: &OwnedFd, question: &mut libc::seccomp_notif, errno: c_int) {
    let go_on = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    let mut answer = libc::seccomp_notif_resp {
        id: question.id,
        val: 0,
        error: -errno,
        flags: if errno == 0 { go_on.expect("a flag") } else { 0 },
    };
    let request = request::<libc::seccomp_notif_resp>(1);
    // SAFETY: the call reads one seccomp_notif_resp. It fails where the thread
    // that asked is gone.
    unsafe { libc::ioctl(listener.as_raw_fd(), request, &raw mut answer) };
}

/// Returns `_IOWR('!', number, T)`.
fn request<T>(number: libc::Ioctl) -> libc::Ioctl {
    let size = libc::Ioctl::try_from(size_of::<T>()).expect("a small struct");
    3 << 30 | size << 16 | 0x21 << 8 | number
}
