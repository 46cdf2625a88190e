//! Compiles the BPF programs of the tests and benchmarks when they are run, as
//! `build.rs` compiles the exporter's own.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::process::output_of;

/// Compiles a source, named from the root of the project on, and returns the
/// object. Panics with what clang says.
pub(crate) fn compile(source: &str) -> Vec<u8> {
    let directory = tempfile::TempDir::new().expect("cannot make a directory");
    let output = directory.path().join("object.bpf.o");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let clang = std::env::var_os("CLANG").unwrap_or_else(|| "clang".into());
    output_of(
        Command::new(clang)
            .args(env!("BPF_CFLAGS").split(' '))
            .arg("-c")
            .arg(source)
            .arg("-o")
            .arg(&output),
    );
    fs::read(&output).expect("clang wrote it")
}
