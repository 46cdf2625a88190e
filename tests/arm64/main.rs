//! The C of both sides on arm64, compiled for it on another machine, and run by
//! QEMU's user mode: `make test-arm64`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a harness that cannot do its work fails the test, loudly"
)]

#[path = "../it/btf.rs"]
#[expect(dead_code, reason = "enums and sections are for other tests")]
mod btf;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use aya_obj::Object;
use btf::Btf;
use tempfile::TempDir;

const COMPILER: &str = "aarch64-linux-gnu-gcc";
const RUNNER: &str = "qemu-aarch64-static";

/// Each object, and the header of what it shares with user space.
const OBJECTS: [(&str, &[u8]); 2] = [
    (
        "traffic",
        aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/traffic.bpf.o")),
    ),
    (
        "connections",
        aya::include_bytes_aligned!(concat!(
            env!("OUT_DIR"),
            "/connections.bpf.o"
        )),
    ),
];

fn source(name: &str) -> String {
    format!("{}/bpf-src/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command to its end and returns what it printed.
fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("cannot start {command:?}: {error} (make test-arm64)")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Compiles and runs a C program for arm64.
fn run(name: &str, text: &str) -> String {
    let folder = TempDir::new().unwrap();
    let [file, program] =
        ["probe.c", "probe"].map(|name| folder.path().join(name));
    fs::write(&file, text).unwrap();
    output_of(
        Command::new(COMPILER)
            .args(["-static", "-Wall", "-Werror", "-I"])
            .arg(Path::new(&source("")))
            .arg(&file)
            .arg("-o")
            .arg(&program),
    );
    assert!(fs::metadata(&program).unwrap().len() > 0, "{name}");
    output_of(Command::new(RUNNER).arg(&program))
}

/// The layouts of the object are those of the Rust side: tests/it/abi.rs.
#[test]
fn shared_structs_have_the_same_layout_in_programs_for_arm64() {
    for (name, object) in OBJECTS {
        let object = Object::parse(object).unwrap();
        let btf = Btf::parse(&object.btf.unwrap().to_bytes());
        let mut expected = String::new();
        let mut probe = format!(
            "#include <stddef.h>\n#include <stdio.h>\n\
             #include \"{name}_abi.h\"\nint main(void)\n{{\n"
        );
        for (item, (size, fields)) in btf.structs(&format!("{name}_")) {
            writeln!(expected, "{item} {size}").unwrap();
            writeln!(
                probe,
                "printf(\"{item} %zu\\n\", sizeof(struct {item}));"
            )
            .unwrap();
            for (field, offset, size) in fields {
                writeln!(expected, "{item}.{field} {offset} {size}").unwrap();
                writeln!(
                    probe,
                    "printf(\"{item}.{field} %zu %zu\\n\", \
                     offsetof(struct {item}, {field}), \
                     sizeof(((struct {item} *)0)->{field}));"
                )
                .unwrap();
            }
        }
        probe += "}\n";
        assert!(expected.lines().count() > 10, "{expected}");
        assert_eq!(run(name, &probe), expected, "{name}");
    }
}

/// Characters without a sign and another long double: the probe runs on arm64.
#[test]
fn the_probe_is_a_program_for_arm64() {
    let text = "#include <stdio.h>\nint main(void)\n{\n\
                printf(\"%d %d\", (char)-1 > 0, __aarch64__);\n}\n";
    assert_eq!(run("characters", text), "1 1");
}

/// clang's eBPF programs depend on the architecture by its kernel headers only.
/// Without notes for debuggers, which name the headers' folders.
#[test]
fn the_programs_are_the_same_with_the_headers_of_arm64() {
    let all: Vec<&str> = env!("BPF_CFLAGS").split_whitespace().collect();
    let (include, flags): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|flag| flag.starts_with("-I"));
    for name in ["traffic", "connections"] {
        let compile = |include: &str| {
            let folder = TempDir::new().unwrap();
            let object = folder.path().join("object");
            output_of(
                Command::new("clang")
                    .args(flags.iter().filter(|&&flag| flag != "-g"))
                    .args([include, "-c"])
                    .arg(format!("bpf-src/{name}.bpf.c"))
                    .arg("-o")
                    .arg(&object)
                    .current_dir(env!("CARGO_MANIFEST_DIR")),
            );
            fs::read(&object).unwrap()
        };
        let here = compile(include[0]);
        assert!(here.len() > 4096, "{name}: {} bytes", here.len());
        assert!(here == compile("-I/usr/aarch64-linux-gnu/include"), "{name}");
    }
}
