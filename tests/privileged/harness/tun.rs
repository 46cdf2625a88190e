//! Interfaces whose other end is the test itself.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::netns::Netns;
use super::sys;
use super::wait::PATIENCE;

/// What a packet of the device begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// An Ethernet header: a tap device.
    Ethernet,
    /// An IP header: a tun device.
    Ip,
}

/// Whether super-frames pass between the device and the program behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SuperFrames {
    /// No: every packet is one.
    No,
    /// Packets have a virtio header before them, and the program offers to
    /// cut super-frames, as a virtual machine does.
    Yes,
}

/// A tun or tap device, gone when it is dropped.
pub(crate) struct Tun {
    file: File,
}

impl Tun {
    /// Makes the device in a namespace and brings it up, without addresses.
    pub(crate) fn create(namespace: &Netns, name: &str, layer: Layer) -> Self {
        Self::create_with(namespace, name, layer, SuperFrames::No)
    }

    /// Makes the device, also one for super-frames.
    pub(crate) fn create_with(
        namespace: &Netns,
        name: &str,
        layer: Layer,
        super_frames: SuperFrames,
    ) -> Self {
        let mut flags = libc::IFF_NO_PI;
        flags |= match layer {
            Layer::Ethernet => libc::IFF_TAP,
            Layer::Ip => libc::IFF_TUN,
        };
        // Checksums, TCP over either family, UDP over either.
        let mut offloads = 0;
        if super_frames == SuperFrames::Yes {
            flags |= libc::IFF_VNET_HDR;
            offloads = 0x01 | 0x02 | 0x04 | 0x20 | 0x40;
        }
        // The device belongs to the namespace its file is opened in.
        let file = namespace.run(|| {
            let file = File::options()
                .read(true)
                .write(true)
                .open("/dev/net/tun")
                .expect("cannot open /dev/net/tun");
            sys::name_tun(&file, name, flags)
                .and_then(|()| sys::set_tun_offloads(&file, offloads))
                .unwrap_or_else(|e| panic!("cannot make {name}: {e}"));
            file
        });
        namespace.ip(&format!("link set {name} up"));
        Self { file }
    }

    /// Returns the open device, from which reads do not wait.
    pub(crate) fn into_file(self) -> File {
        let flags = rustix::fs::fcntl_getfl(&self.file)
            .expect("an open file has flags");
        let flags = flags | rustix::fs::OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&self.file, flags)
            .expect("cannot set the flags of a file");
        self.file
    }

    /// Makes a tap device that says it is of another type, an `ARPHRD_` number.
    pub(crate) fn create_of_type(
        namespace: &Netns,
        name: &str,
        kind: u16,
    ) -> Self {
        let tap = Self::create(namespace, name, Layer::Ethernet);
        namespace.ip(&format!("link set {name} down"));
        sys::set_tun_link_type(&tap.file, kind)
            .unwrap_or_else(|e| panic!("cannot give {name} a type: {e}"));
        namespace.ip(&format!("link set {name} up"));
        tap
    }

    /// Lets the machine receive packets from the device.
    pub(crate) fn inject(&mut self, packets: &[Vec<u8>]) {
        for packet in packets {
            let written = self.file.write(packet).expect("cannot inject");
            assert_eq!(written, packet.len(), "a packet was cut");
        }
    }

    /// Takes one packet that the machine sent to the device.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let came = sys::wait_readable(self.file.as_fd(), PATIENCE)
            .expect("cannot wait for a packet");
        assert!(came, "the machine sent no packet");
        let mut packet = vec![0; 1 << 17];
        let length = self.file.read(&mut packet).expect("cannot take");
        packet.truncate(length);
        packet
    }
}

/// Carries packets between two devices of one kind until it is dropped, which
/// deletes them.
pub(crate) struct Cable {
    ends: [(Netns, String); 2],
    #[expect(dead_code, reason = "a device that nobody has open vanishes")]
    files: [Arc<File>; 2],
    carriers: Vec<JoinHandle<()>>,
}

impl Cable {
    /// Makes two devices, each in its namespace, and connects them.
    pub(crate) fn new(
        ends: [(&Netns, &str); 2],
        layer: Layer,
        super_frames: SuperFrames,
    ) -> Self {
        let files = ends.map(|(namespace, name)| {
            let tun = Tun::create_with(namespace, name, layer, super_frames);
            Arc::new(tun.file)
        });
        let carriers = [(0, 1), (1, 0)]
            .map(|(from, to)| {
                let (from, to) =
                    (Arc::clone(&files[from]), Arc::clone(&files[to]));
                // Ends when a device is deleted.
                thread::spawn(move || {
                    let mut packet = vec![0; 1 << 17];
                    while let Ok(length) = (&*from).read(&mut packet) {
                        if (&*to).write(&packet[..length]).is_err() {
                            return;
                        }
                    }
                })
            })
            .into();
        let ends =
            ends.map(|(namespace, name)| (namespace.clone(), name.to_owned()));
        Self { ends, files, carriers }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for (namespace, name) in &self.ends {
            namespace.ip(&format!("link delete {name}"));
        }
        for carrier in self.carriers.drain(..) {
            // It has nothing to say.
            let _ = carrier.join();
        }
    }
}
