//! Compiles `bpf-src/*.bpf.c` with clang into `$OUT_DIR/*.bpf.o`, and compresses
//! the files of the page at `/` into `$OUT_DIR/*.gz`. Nothing else: no git, no
//! network, no generated code.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The objects, by the names of their sources in `bpf-src`.
const OBJECTS: [&str; 2] = ["traffic", "connections"];

/// What a Debian or Ubuntu machine needs; other systems have packages of
/// similar names.
const INSTALL_HINT: &str = "install it with: \
    apt-get install clang libbpf-dev linux-libc-dev (Debian, Ubuntu), \
    dnf install clang libbpf-devel kernel-headers (Fedora, RHEL)";

/// A header of each package that the sources include.
const HEADERS: [&str; 2] = ["bpf/bpf_helpers.h", "linux/bpf.h"];

/// aya reads the BTF that -g writes; v3 instructions (32-bit arithmetic and
/// jumps) are in every kernel since 5.1.
/// The object names no folder of the machine that built it.
const FLAGS: [&str; 9] = [
    "-target",
    "bpf",
    "-mcpu=v3",
    "-O2",
    "-g",
    "-fdebug-compilation-dir=.",
    "-Wall",
    "-Wextra",
    "-Werror",
];

/// The folder of the page at `/`.
const WEB: &str = "src/http/pages/web";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=bpf-src");
    println!("cargo::rerun-if-env-changed=CLANG");
    println!("cargo::rerun-if-changed={WEB}");
    match compile().and_then(|()| compress()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("cargo::error={problem}");
            ExitCode::FAILURE
        }
    }
}

fn compile() -> Result<(), String> {
    let clang = env::var_os("CLANG").unwrap_or_else(|| "clang".into());
    let out_dir = env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?;
    let out_dir = PathBuf::from(out_dir);

    let version = Command::new(&clang).arg("--version").output();
    if let Err(error) = version {
        return Err(format!(
            "cannot run {} to compile bpf-src/*.bpf.c: {error}; \
             {INSTALL_HINT}",
            Path::new(&clang).display(),
        ));
    }
    let include = kernel_include_dir();
    for header in HEADERS {
        if !includes(&clang, &include, header) {
            return Err(format!(
                "cannot find the header {header} that bpf-src includes; \
                 {INSTALL_HINT}"
            ));
        }
    }

    // The tests and benchmarks compile theirs the same way.
    let include = include.to_string_lossy();
    println!("cargo::rustc-env=BPF_CFLAGS={} {include}", FLAGS.join(" "));
    for name in OBJECTS {
        let source = format!("bpf-src/{name}.bpf.c");
        let status = Command::new(&clang)
            .args(FLAGS)
            .arg(&*include)
            .args(["-c", &source, "-o"])
            .arg(out_dir.join(format!("{name}.bpf.o")))
            .status()
            .map_err(|error| format!("cannot run clang: {error}"))?;
        if !status.success() {
            return Err(format!("clang cannot compile {source} ({status})"));
        }
    }
    Ok(())
}

/// Compresses each file of the page.
fn compress() -> Result<(), String> {
    let out_dir = env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?;
    let fault = |error| format!("cannot compress a file of {WEB}: {error}");
    for file in fs::read_dir(WEB).map_err(fault)? {
        let path = file.map_err(fault)?.path();
        let content = fs::read(&path).map_err(fault)?;
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&content).map_err(fault)?;
        let packed = packer.finish().map_err(fault)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".gz");
        fs::write(Path::new(&out_dir).join(name), packed).map_err(fault)?;
    }
    Ok(())
}

/// Returns the option that finds `asm/types.h`, which Debian keeps in a
/// folder by architecture that clang does not search for the BPF target, and in
/// another one for cross compilers.
fn kernel_include_dir() -> OsString {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let triplet = match arch.as_str() {
        "x86" => "i386-linux-gnu",
        "arm" => "arm-linux-gnueabihf",
        "powerpc64" => "powerpc64le-linux-gnu",
        other => &format!("{other}-linux-gnu"),
    };
    let folders =
        [format!("/usr/include/{triplet}"), format!("/usr/{triplet}/include")];
    let mut found =
        folders.iter().filter(|folder| Path::new(folder).join("asm").exists());
    format!("-I{}", found.next().unwrap_or(&folders[0])).into()
}

/// Returns whether clang finds a header.
fn includes(clang: &OsString, include: &OsString, header: &str) -> bool {
    let found = Command::new(clang)
        .args(["-target", "bpf", "-fsyntax-only"])
        .arg(include)
        .args(["-include", "linux/types.h", "-include", header])
        .args(["-x", "c", "/dev/null"])
        .output();
    found.is_ok_and(|output| output.status.success())
}
