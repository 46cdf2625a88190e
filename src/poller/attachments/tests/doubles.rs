//! Devices that have the ifindex of an attached one that is gone.

use super::*;

#[test]
fn a_double_with_the_same_number_and_name_is_attached_again() {
    let mut host = Host::new("any");
    let first = host.add(5, "eth0");
    host.note(vec![first]);
    host.work();
    let events = vec![host.remove(5), host.add(5, "eth0")];
    host.note(events);
    host.work();
    assert_eq!(host.counted(), counted(&[("eth0", 5)]));
    let id = host.attachments.attached[&5].id;
    assert!(host.attacher.is_attached(id));
}

/// The plan made for its end is given up before it is carried out.
#[test]
fn a_double_that_comes_between_two_plans_is_attached_again() {
    let mut host = Host::new("any");
    let first = host.add(5, "eth0");
    host.note(vec![first]);
    host.work();
    let end = host.remove(5);
    host.note(vec![end]);
    let double = host.add(5, "eth0");
    host.note(vec![double]);
    host.work();
    assert_eq!(host.counted(), counted(&[("eth0", 5)]));
    let id = host.attachments.attached[&5].id;
    assert!(host.attacher.is_attached(id));
}

#[test]
fn a_double_is_found_by_a_list_when_its_events_were_lost() {
    let mut host = Host::new("any");
    let first = host.add(5, "eth0");
    host.note(vec![first.clone()]);
    host.work();
    host.remove(5);
    host.add(5, "eth0");
    let InterfaceEvent::Changed(device) = first else { unreachable!() };
    host.note(vec![InterfaceEvent::Listed(vec![device])]);
    host.work();
    assert!(host.attacher.is_attached(host.attachments.attached[&5].id));
}
