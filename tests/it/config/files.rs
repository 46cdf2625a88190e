//! Every message about a file that cannot be read, whole.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use geoip_exporter::config::{self, Config};

use super::World;

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let mut world = World::new();
    world.flags.config_file = Some(world.path("none.toml"));
    assert_eq!(
        world.bad(),
        "/etc/none.toml: cannot be read: No such file or directory (os error 2) (named by --config)"
    );
    world.flags.config_file = Some("".into());
    assert_eq!(world.bad(), "--config: names no file");
    world.flags.config_file = None;
    let world = world.variable(config::CONFIG_VARIABLE, "/nowhere/x.toml");
    assert_eq!(
        world.bad(),
        "/nowhere/x.toml: cannot be read: No such file or directory (os error 2) (named by GEOIP_EXPORTER_CONFIG)"
    );

    let world = World::new().write("geoip-exporter.toml", b"a = '\xff'\n");
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml:1: is not UTF-8 text: byte 6 of the line is 0xff; save it as UTF-8"
    );

    let world = World::new();
    fs::create_dir(world.path("geoip-exporter.toml")).unwrap();
    fs::create_dir(world.path("geoip-exporter.d/a.toml")).unwrap();
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: is a directory, not a file\n\
         /etc/geoip-exporter.d/a.toml: is a directory, not a file"
    );

    let world = World::new();
    symlink("gone", world.path("geoip-exporter.toml")).unwrap();
    fs::remove_dir(world.path("geoip-exporter.d")).unwrap();
    let world = world.write("geoip-exporter.d", "");
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: cannot be read: No such file or directory (os error 2)\n\
         /etc/geoip-exporter.d: cannot be read: Not a directory (os error 20)"
    );

    let world =
        World::new().write("geoip-exporter.toml", vec![b'#'; 1024 * 1024 + 1]);
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: is too large for a configuration: it has \
         more than 1 MiB"
    );
}

/// Nobody writes to the FIFO: to open it would be to wait for ever.
#[test]
fn what_is_not_a_regular_file_is_refused_without_waiting() {
    let mut world = World::new();
    let fifo = world.path("geoip-exporter.toml");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let _socket =
        UnixListener::bind(world.path("geoip-exporter.d/a.toml")).unwrap();
    symlink("/dev/tty", world.path("geoip-exporter.d/b.toml")).unwrap();
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: is a FIFO, not a file\n\
         /etc/geoip-exporter.d/a.toml: is a socket, not a file\n\
         /etc/geoip-exporter.d/b.toml: is a device, not a file"
    );

    fs::remove_dir_all(world.path("geoip-exporter.d")).unwrap();
    world.flags.config_file = Some("/dev/zero".into());
    assert_eq!(
        world.bad(),
        "/dev/zero: is a device, not a file (named by --config)"
    );
    // Of nothing, as everywhere.
    world.flags.config_file = Some("/dev/null".into());
    assert_eq!(world.good().config, Config::default());
}

#[test]
fn text_in_another_encoding_is_named() {
    let units = "log_level = \"info\"\r\n".encode_utf16();
    let little: Vec<u8> = units.clone().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units.flat_map(u16::to_be_bytes).collect();
    let marked = [&[0xff, 0xfe][..], &little].concat();
    for bytes in [little, big, marked] {
        let world = World::new().write("geoip-exporter.toml", bytes);
        assert_eq!(
            world.bad(),
            "/etc/geoip-exporter.toml: is UTF-16 text: save it as UTF-8"
        );
    }
    let latin = b"# first\nmetrics_path = \"/\xe9\"\n";
    let world = World::new().write("geoip-exporter.toml", latin);
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml:2: is not UTF-8 text: byte 18 of the line is 0xe9; save it as UTF-8"
    );
}

/// `--config=~/x` reaches the exporter as it is written.
#[test]
fn a_file_in_a_home_directory_that_no_shell_put_in_is_named() {
    let mut world = World::new();
    world.flags.config_file = Some("~/x.toml".into());
    assert_eq!(
        world.bad(),
        "~/x.toml: cannot be read: No such file or directory (os error 2); only a shell replaces ~: write the whole path (named by --config)"
    );
}
