//! The view in a terminal, driven by keys in tmux.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::connections::CountryLab;
use crate::harness::countries::address;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::fixtures::data;
use crate::harness::lab::{Lab, WAN};
use crate::harness::netns::Netns;
use crate::harness::process::{Background, output_of};
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_equal, await_until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_geoip-exporter");

/// A terminal inside a namespace. It goes with its server.
struct Terminal {
    directory: TempDir,
    _server: Background,
}

impl Terminal {
    /// Opens a terminal with a command, and says `ended` with its status behind
    /// it.
    fn open(namespace: &Netns, size: (u16, u16), command: &str) -> Self {
        let directory = TempDir::new().expect("cannot make a directory");
        let mut server = namespace.command("tmux");
        server.args(["-u", "-f", "/dev/null", "-S"]);
        server.arg(directory.path().join("socket")).arg("-D");
        let server = Background::start("tmux", &mut server);
        let terminal = Self { directory, _server: server };
        let socket = terminal.socket();
        await_until(PATIENCE, "a terminal", || {
            if socket.exists() { Ok(()) } else { Err("none".into()) }
        });
        let (width, height) = (size.0.to_string(), size.1.to_string());
        let line = format!(
            "env LC_ALL=C.UTF-8 TERM=screen-256color {command}; \
             echo ended $?; exec sleep 1000"
        );
        terminal.tmux(&[
            "new-session",
            "-d",
            "-x",
            &width,
            "-y",
            &height,
            &line,
        ]);
        terminal
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(self.socket());
        output_of(command.args(arguments))
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen has a text in it, and returns the screen.
    fn await_text(&self, text: &str) -> String {
        await_until(PATIENCE, text, || match self.screen() {
            screen if screen.contains(text) => Ok(screen),
            screen => Err(format!("\n{screen}")),
        })
    }
}

fn start(lab: &Lab) -> Daemon {
    Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("counted_once", WAN)
        .set("host", true)
        .set("networks", true)
        .set("asn_db", data("asn.mmdb").to_str().unwrap())
        .start()
}

#[test]
fn keys_show_the_tables_of_the_running_exporter() {
    let lab = Lab::new();
    let mut daemon = start(&lab);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    let address = daemon.address();
    let command = format!("{PROGRAM} top --interval 100ms --url {address}");
    let terminal = Terminal::open(&lab.machine, (80, 24), &command);
    let screen = terminal.await_text("Germany");
    assert!(screen.contains("1 countries 2 networks"), "{screen}");
    terminal.press("2");
    terminal.await_text("Example Networks");
    terminal.press("6");
    terminal.await_text("counted once");
    terminal.press("Enter");
    terminal.await_text("wan0 › countries");
    terminal.press("Escape");
    terminal.await_text("1 countries 2 networks");
    terminal.press("1");
    terminal.press("/");
    terminal.tmux(&["send-keys", "-l", "GERM"]);
    terminal.await_text("/GERM_");
    let screen = terminal.screen();
    assert!(!screen.contains("Japan"), "{screen}");
    terminal.press("Escape");
    terminal.await_text("Japan");
    terminal.press("Space");
    terminal.await_text("PAUSED");
    terminal.press("Space");
    terminal.press("?");
    terminal.await_text("Any key closes this help.");
    terminal.press("x");
    terminal.await_text("Germany");

    // The table of an exporter that is gone stays, until another one answers.
    daemon.signal(crate::harness::sys::Signal::Terminate);
    daemon.wait(PATIENCE);
    let screen = terminal.await_text("no answer for");
    assert!(screen.contains("Germany"), "{screen}");
    drop(daemon);
    let _next = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("counted_once", WAN)
        .set("listen_address", address.to_string())
        .start();
    let is_back = |screen: &str| !screen.contains("NO ANSWER");
    await_equal("an answer", &true, || is_back(&terminal.screen()));
    terminal.press("q");
    terminal.await_text("ended 0");
}

#[test]
fn a_stopped_or_killed_view_gives_the_terminal_back() {
    let lab = Lab::new();
    let daemon = start(&lab);
    let command = format!("{PROGRAM} top --url {}", daemon.address());
    // A shell with job control.
    let terminal =
        Terminal::open(&lab.machine, (80, 24), "bash --norc --noprofile");
    terminal.tmux(&["send-keys", "-l", &command]);
    terminal.press("Enter");
    terminal.await_text("each packet once");
    terminal.press("C-z");
    terminal.await_text("Stopped");
    terminal.tmux(&["send-keys", "-l", "stty -a; fg"]);
    terminal.press("Enter");
    terminal.await_text("each packet once");
    let shell = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
    let shell: u32 = shell.trim().parse().unwrap();
    let view = await_until(PATIENCE, "the view", || {
        descendant(shell, "top").ok_or_else(|| "none".into())
    });
    kill_process(view, Signal::TERM).unwrap();
    let screen = terminal.await_text("Stopped");
    assert!(screen.contains(" icanon") && !screen.contains("-icanon"));
    terminal.tmux(&["send-keys", "-l", "clear; stty -a; echo over"]);
    terminal.press("Enter");
    await_until(PATIENCE, "the terminal of the shell", || {
        let screen = terminal.screen();
        let is_cooked = screen.contains(" icanon")
            && screen.contains(" echo ")
            && screen.lines().any(|line| line == "over");
        if is_cooked { Ok(()) } else { Err(format!("\n{screen}")) }
    });
}

#[test]
fn root_counts_by_itself_where_no_exporter_runs() {
    let lab = Lab::new();
    let database = data("country-maxmind.mmdb");
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("x.toml");
    std::fs::write(&file, format!("geoip_db = {database:?}\n")).unwrap();
    let command = format!(
        "TMPDIR={} {PROGRAM} top --config {}",
        directory.path().display(),
        file.display()
    );
    for signal in [Signal::KILL, Signal::TERM] {
        let terminal = Terminal::open(&lab.machine, (80, 24), &command);
        terminal.await_text("counting by itself");
        let mut traffic = Traffic::new(&lab);
        traffic.exchange();
        terminal.await_text("Germany");
        let shell = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let shell: u32 = shell.trim().parse().unwrap();
        let view = descendant(shell, "top").expect("the view");
        let id = u32::try_from(view.as_raw_nonzero().get()).unwrap();
        let own = descendant(id, "--ends-with-process").expect("its child");
        kill_process(view, signal).unwrap();
        await_equal("the end of the exporter", &false, || {
            test_kill_process(own).is_ok()
        });
        // A view that was killed leaves its folder to the next one.
        let expected = usize::from(signal == Signal::KILL);
        await_equal("folders", &expected, || {
            let left = std::fs::read_dir(directory.path()).unwrap();
            left.flatten().filter(|it| it.path().is_dir()).count()
        });
    }
}

#[test]
fn what_is_printed_is_what_was_counted() {
    let lab = Lab::new();
    let daemon = start(&lab);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    let url = daemon.address().to_string();
    let top = |more: &[&str]| {
        let mut command = lab.machine.command(PROGRAM);
        output_of(command.args(["top", "--url", &url]).args(more))
    };
    let json: Value = serde_json::from_str(&top(&["--json"])).unwrap();
    for direction in ["received", "sent"] {
        let name = format!("bytes_{direction}");
        let whole = traffic.total(direction).bytes;
        assert_eq!(json["countries"]["whole"][&name], whole);
        assert_eq!(json["summary"]["whole"][&name], whole);
    }
    let text = top(&["--once", "--sort", "name"]);
    assert!(text.starts_with("COUNTRY  NAME"), "{text}");
    assert!(text.contains("Germany"), "{text}");
    // Only what happens in the time.
    let before = traffic.total("received").bytes;
    let mut timed = lab.machine.command(PROGRAM);
    timed.args(["top", "--url", &url, "--duration", "3s", "--json"]);
    timed.args(["--interval", "100ms"]);
    let mut timed = Background::start("top", &mut timed);
    timed.await_line("first answer", 0, PATIENCE, |line| {
        line.contains("counting for 3 s").then_some(())
    });
    traffic.exchange();
    assert!(timed.wait(PATIENCE).success());
    let json = |line: &&String| !line.contains("counting for");
    let lines: Vec<String> =
        timed.lines().iter().filter(json).cloned().collect();
    let text = lines.join("\n");
    let json: Value = serde_json::from_str(&text).unwrap();
    let grown = traffic.total("received").bytes - before;
    assert_eq!(json["whole"]["bytes_received"], grown, "{text}");
}

/// The view asks the resolver of its machine, here a file of hosts, and looks at
/// the sockets of its machine.
#[test]
fn hosts_have_the_names_and_programs_that_this_machine_knows() {
    let lab = CountryLab::new();
    let remote = address(7, 1, 4);
    let daemon = Setup::new(&lab.lab.machine)
        .set("interfaces", WAN)
        .set("counted_once", WAN)
        .set("host", true)
        .set("remote_hosts", true)
        .set("quota", "1MiB")
        .start();
    let _listener = lab.lab.world.run(|| TcpListener::bind("0.0.0.0:443"));
    // A program with a name of its own, whose connection stays open.
    let directory = TempDir::new().unwrap();
    let program = directory.path().join("talker");
    symlink("/bin/bash", &program).unwrap();
    let mut talker = lab.lab.machine.command(&program);
    let script = format!("exec 3<>/dev/tcp/{remote}/443; echo open; read <&3");
    let mut talker = Background::start("talker", talker.args(["-c", &script]));
    talker.await_line("a connection", 0, PATIENCE, |line| {
        line.contains("open").then_some(())
    });
    let hosts = directory.path().join("hosts");
    std::fs::write(&hosts, format!("{remote} seven.example\n")).unwrap();
    let services = directory.path().join("nsswitch.conf");
    std::fs::write(&services, "hosts: files\n").unwrap();
    let view = format!(
        "unshare -m sh -c 'mount --bind {} /etc/hosts && mount --bind {} \
         /etc/nsswitch.conf && exec {PROGRAM} top --interval 100ms --resolve \
         --view hosts --url {}'",
        hosts.display(),
        services.display(),
        daemon.address()
    );
    let terminal = Terminal::open(&lab.lab.machine, (80, 24), &view);
    terminal.await_text("talker");
    let screen = terminal.await_text("seven.example");
    assert!(!screen.contains(&remote.to_string()), "{screen}");
    // The quota comes with another answer.
    terminal.await_text("of 1.0 MiB (");
    // Both can be looked for.
    terminal.press("/");
    terminal.tmux(&["send-keys", "-l", "TALK"]);
    terminal.await_text("/TALK_");
    assert!(terminal.screen().contains("seven.example"));
    terminal.tmux(&["send-keys", "-l", "x"]);
    terminal.await_text("no row has");
    terminal.press("Escape");
    terminal.await_text("seven.example");
    // Without names, the addresses are back.
    terminal.press("r");
    terminal.await_text(&remote.to_string());
    // Another user does not see the programs of root.
    drop(terminal);
    let view = format!(
        "setpriv --reuid 65534 --regid 65534 --clear-groups {PROGRAM} top \
         --view hosts --interval 100ms --url {}",
        daemon.address()
    );
    let terminal = Terminal::open(&lab.lab.machine, (80, 24), &view);
    terminal.await_text(&remote.to_string());
    assert!(!terminal.screen().contains("talker"));
}

/// Clicks and the wheel, as a terminal writes them.
#[test]
fn the_mouse_opens_tables_and_sorts_them() {
    let lab = Lab::new();
    let daemon = start(&lab);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    let command =
        format!("{PROGRAM} top --interval 100ms --url {}", daemon.address());
    let terminal = Terminal::open(&lab.machine, (80, 24), &command);
    let screen = terminal.await_text("Germany");
    let click = |what: &str| {
        let screen = terminal.screen();
        let mut lines = (1..).zip(screen.lines());
        let (row, column) = lines
            .find_map(|(row, line)| {
                let before = line.split_once(what)?.0;
                Some((row, before.chars().count() + 2))
            })
            .unwrap_or_else(|| panic!("no {what} in\n{screen}"));
        // SGR: a button that is pressed and let go.
        let text = format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m");
        terminal.tmux(&["send-keys", "-l", &text]);
    };
    assert!(screen.contains("s by rate"), "{screen}");
    click("COUNTRY");
    terminal.await_text("s by name");
    click("6 interfaces");
    terminal.await_text("counted once");
    // The first click selects a row, the second one opens it.
    click(WAN);
    click(WAN);
    terminal.await_text("wan0 › countries");
    // The right button goes back.
    let right = "\x1b[<2;9;9M\x1b[<2;9;9m";
    terminal.tmux(&["send-keys", "-l", right]);
    terminal.await_text("counted once");
    terminal.press("q");
    terminal.await_text("ended 0");
}

/// Returns a process below another one with a word in its command line.
fn descendant(of: u32, word: &str) -> Option<Pid> {
    let path = format!("/proc/{of}/task/{of}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().find_map(|child| {
        let id: u32 = child.parse().ok()?;
        let line = std::fs::read_to_string(format!("/proc/{child}/cmdline"));
        let line = line.unwrap_or_default();
        let is_it = line.contains("geoip-exporter")
            && line.split('\0').any(|one| one == word);
        match is_it {
            true => Pid::from_raw(i32::try_from(id).ok()?),
            false => descendant(id, word),
        }
    })
}
