//! An exporter that counts as long as the view is open.
//!
//! It is a child process of the same program, with its own sandbox, on a
//! private socket, and keeps nothing. It has the configuration of this machine
//! apart from that. It ends with the view, however the view ends.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::folder::Folder;
use crate::api::{Answer as _, Summary};
use crate::cli::ClientOptions;
use crate::commands::client::{Client, ClientError};
use crate::config::{self, Config};
use crate::daemon::Layers;

/// The time for the start, and for the end.
const START: Duration = Duration::from_secs(30);
const END: Duration = Duration::from_secs(5);

/// The time between two looks at a process.
const PAUSE: Duration = Duration::from_millis(20);

/// The settings of the child. Those that this version does not have are left
/// out.
const SETTINGS: [(&str, &str); 11] = [
    ("web_config_file", ""),
    ("state_directory", ""),
    ("pin_directory", ""),
    ("poll_interval", "1s"),
    ("log_level", "error"),
    ("log_format", "text"),
    ("host", "true"),
    ("enable_reload", "false"),
    ("web", "true"),
    ("history", "false"),
    ("remote_hosts", "true"),
];

/// A running exporter, which ends when it is dropped.
pub(super) struct Own {
    child: Child,
    folder: Folder,
}

impl Own {
    /// Starts an exporter, and waits until it answers.
    pub(super) fn start(
        layers: &Layers,
        config: &Config,
    ) -> Result<Self, String> {
        let folder = Folder::make(&parent(std::env::temp_dir()))?;
        let started = File::create(log(&folder)).and_then(|log| {
            command(layers, config, &folder)?.stderr(log).spawn()
        });
        let child = started.map_err(|error| {
            let path = folder.path().display();
            format!("cannot start an exporter in {path}: {error}")
        })?;
        let mut own = Self { child, folder };
        own.await_answer()?;
        Ok(own)
    }

    /// Returns a client of it.
    pub(super) fn client(&self) -> Result<Client, ClientError> {
        let url = format!("unix:{}", socket(&self.folder).display());
        let options = ClientOptions { url: Some(url), ..Default::default() };
        Client::new(&options, &Config::default())
    }

    fn await_answer(&mut self) -> Result<(), String> {
        let mut client = self.client().map_err(|fault| fault.to_string())?;
        let begin = Instant::now();
        loop {
            let fault = match client.get_again::<Summary>(Summary::PATH) {
                Ok(_) => return Ok(()),
                Err(fault) => fault,
            };
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.last_words().unwrap_or_else(|| {
                    format!("the exporter ended at once: {status}")
                }));
            }
            if !fault.is_absent() || begin.elapsed() > START {
                return Err(fault.to_string());
            }
            thread::sleep(PAUSE);
        }
    }

    /// Returns the last line of the log.
    fn last_words(&self) -> Option<String> {
        let text = fs::read_to_string(log(&self.folder)).ok()?;
        text.lines().last().map(str::to_owned)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let process = i32::try_from(self.child.id()).ok();
        if let Some(process) = process.and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(process, Signal::TERM);
        }
        let begin = Instant::now();
        while begin.elapsed() < END {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(PAUSE);
        }
        // It has ended, or is hanging.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the folder for private folders. An empty or relative `TMPDIR` stands
/// for `/tmp`, because the address of a socket is an absolute path.
fn parent(temporary: PathBuf) -> PathBuf {
    match temporary.is_absolute() {
        true => temporary,
        false => "/tmp".into(),
    }
}

fn socket(folder: &Folder) -> PathBuf {
    folder.path().join("api.sock")
}

fn log(folder: &Folder) -> PathBuf {
    folder.path().join("log")
}

/// Returns the command of the child: the layers of this program, and settings
/// of its own as the highest layer.
fn command(
    layers: &Layers,
    config: &Config,
    folder: &Folder,
) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .env_remove("NOTIFY_SOCKET")
        .env_remove("LISTEN_FDS")
        .env_remove("LISTEN_PID")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // Keys such as Ctrl-C are for the view, which ends the child.
        .process_group(0);
    if let Some(file) = &layers.flags.config_file {
        command.arg("--config").arg(file);
    }
    for (setting, text) in &layers.flags.values {
        command.arg(format!("--{}={text}", setting.flag()));
    }
    let mut set = |key: &str, value: &str| {
        if let Some(setting) = config::find(key) {
            command.arg(format!("--{}={value}", setting.flag()));
        }
    };
    for (key, value) in SETTINGS {
        set(key, value);
    }
    set("listen_address", &format!("unix:{}", socket(folder).display()));
    if config.asn_db.exists() {
        set("networks", "true");
    }
    let process = std::process::id().to_string();
    command.arg("--ends-with-process").arg(process);
    Ok(command)
}

/// Has the kernel end this process when the process that started it has ended,
/// if that is a view.
///
/// The exporter gives capabilities up later, which does not clear this:
/// `commit_creds` in the kernel clears it for new users and more capabilities
/// only.
pub fn end_with(process: Option<u32>) {
    let Some(process) = process else { return };
    let signal = Some(Signal::TERM);
    let _ = rustix::process::set_parent_process_death_signal(signal);
    // It may have ended before.
    let parent = rustix::process::getppid();
    let is_here = parent.is_some_and(|it| {
        u32::try_from(it.as_raw_nonzero().get()) == Ok(process)
    });
    if !is_here {
        let _ = rustix::process::kill_process(
            rustix::process::getpid(),
            Signal::TERM,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_private_folder_is_in_an_absolute_one() {
        for (temporary, expected) in
            [("", "/tmp"), ("x", "/tmp"), ("./x", "/tmp"), ("/x", "/x")]
        {
            assert_eq!(parent(temporary.into()), PathBuf::from(expected));
        }
    }
}
