//! The files for containers and Kubernetes, as far as they can be compared
//! without Helm: `scripts/check-deployment` does the rest.

use std::fs;
use std::path::Path;
use std::process::Command;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(path)).unwrap()
}

const CHART: &str = "etc/helm/geoip-exporter";
const MANIFEST: &str = "etc/kubernetes/geoip-exporter.yaml";

#[test]
fn the_chart_has_the_version_of_the_exporter() {
    let (version, chart) =
        (env!("CARGO_PKG_VERSION"), format!("{CHART}/Chart.yaml"));
    for key in ["version", "appVersion"] {
        let line = format!("\n{key}: {version}\n");
        assert!(read(&chart).contains(&line), "{line}");
    }
    let image = format!(" image: geoip-exporter:{version}\n");
    assert!(read(MANIFEST).contains(&image), "{image}");
}

/// A dashboard that was changed is in the manifest too.
#[test]
fn the_manifest_has_the_dashboards_and_the_alerts_as_they_are() {
    let manifest = read(MANIFEST);
    for name in ["traffic", "health"] {
        let board = read(&format!("etc/grafana/{name}.json"));
        assert_eq!(board, read(&format!("{CHART}/files/{name}.json")));
        let lines = board.trim().lines().map(|line| format!("    {line}\n"));
        assert!(manifest.contains(&lines.collect::<String>()), "{name}");
    }
    let alerts = read("etc/prometheus/geoip-exporter.alerts.yml");
    assert_eq!(
        alerts,
        read(&format!("{CHART}/files/geoip-exporter.alerts.yml"))
    );
    let names =
        alerts.lines().filter_map(|line| line.strip_prefix("      - alert: "));
    assert!(names.clone().count() > 15);
    for name in names {
        assert!(manifest.contains(&format!("alert: {name}\n")), "{name}");
    }
}

#[test]
fn prometheus_of_the_compose_file_reads_its_configuration() {
    let output = Command::new("promtool")
        .args(["check", "config", "etc/container/prometheus.yml"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("promtool is installed (scripts/install-packages test)");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

/// No more rights than SECURITY.md says.
#[test]
fn every_way_to_run_a_container_gives_the_same_three_capabilities() {
    let add = "[BPF, NET_ADMIN, PERFMON]";
    for (file, added, dropped) in [
        (MANIFEST, format!("add: {add}\n"), "drop: [ALL]\n"),
        (
            "etc/container/compose.yml",
            format!("cap_add: {add}\n"),
            "cap_drop: [ALL]\n",
        ),
    ] {
        let text = read(file);
        assert!(text.contains(&added) && text.contains(dropped), "{file}");
        assert!(!text.contains("privileged: true"), "{file}");
    }
    let binary = "setcap cap_bpf,cap_net_admin,cap_perfmon+p ";
    assert!(read("etc/container/assemble").contains(binary));
}
