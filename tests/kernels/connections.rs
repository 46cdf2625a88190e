//! TCP connections on a kernel with PREEMPT_RT, which cannot run the programs.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use geoip_exporter::config::ConnectionsScope;
use geoip_exporter::kernel::{
    ConnectionsMethod, OpenConnections as _, TcpConnections,
};

use crate::harness::lab::{Lab, PEER, WAN};

#[test]
fn lists_stand_in_for_programs_and_say_why() {
    let lab = Lab::new();
    let (own, remote) =
        (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 7));
    lab.machine.ip(&format!("address add {own} peer {remote} dev {WAN}"));
    lab.world.ip(&format!("address add {remote} peer {own} dev {PEER}"));
    let there = lab.world.run(|| TcpListener::bind((remote, 443))).unwrap();
    lab.machine.run(|| {
        let open = TcpConnections.open(ConnectionsScope::Namespace);
        let mut watch = open.unwrap();
        let ConnectionsMethod::SockDiag { reason } = watch.method() else {
            panic!("{:?}", watch.method());
        };
        assert!(reason.contains("PREEMPT_RT"), "{reason}");
        let client = TcpStream::connect((remote, 443)).unwrap();
        let mut open = 0;
        watch.visit(&mut |_, growth| open += growth.open).unwrap();
        assert_eq!(open, 1);
        drop((client, there));
    });
}
