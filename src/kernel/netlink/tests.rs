use std::cell::RefCell;
use std::collections::VecDeque;

use netlink_packet_core::NLM_F_DUMP_INTR;

use super::message::All;
use super::message::tests::written;
use super::*;

const OBJECT: u16 = 16;

/// The kernel's answers: the datagrams of each request, in order.
#[derive(Default)]
struct Script {
    requests: RefCell<Vec<u32>>,
    datagrams: RefCell<VecDeque<Vec<u8>>>,
}

impl Script {
    fn answer(self, datagrams: &[&[Vec<u8>]]) -> Self {
        let datagrams = datagrams.iter().map(|datagram| datagram.concat());
        self.datagrams.borrow_mut().extend(datagrams);
        self
    }
}

impl Wire for Script {
    fn send(&self, request: &[u8]) -> io::Result<()> {
        let message = messages(request).next().unwrap();
        self.requests.borrow_mut().push(message.sequence);
        Ok(())
    }

    fn receive(&self, datagram: &mut Vec<u8>) -> io::Result<()> {
        match self.datagrams.borrow_mut().pop_front() {
            Some(answer) if answer.is_empty() => {
                Err(io::ErrorKind::Interrupted.into())
            }
            Some(answer) => {
                datagram.extend(answer);
                Ok(())
            }
            None => panic!("the kernel has no more to say"),
        }
    }
}

fn object(sequence: u32, name: u8, flags: u16) -> Vec<u8> {
    written(OBJECT, flags, sequence, &[name])
}

fn done(sequence: u32, flags: u16, code: i32) -> Vec<u8> {
    written(NLMSG_DONE, flags, sequence, &code.to_ne_bytes())
}

fn names(requests: &mut Requests<Script>) -> io::Result<Vec<u8>> {
    requests.list(All(OBJECT), |message| message.payload.first().copied())
}

#[test]
fn a_list_is_read_to_its_end_over_several_datagrams() {
    let script = Script::default().answer(&[
        &[object(1, b'a', 0), object(1, b'b', 0)],
        // A signal.
        &[],
        &[object(1, b'c', 0)],
        &[done(1, 0, 0)],
    ]);
    let mut requests = Requests::over(script);
    assert_eq!(names(&mut requests).unwrap(), b"abc");
}

#[test]
fn a_list_that_changed_meanwhile_is_asked_for_again() {
    for at in 0..2 {
        let flags = |own| if own == at { NLM_F_DUMP_INTR } else { 0 };
        let script = Script::default().answer(&[
            &[object(1, b'a', 0), object(1, b'c', flags(0))],
            &[done(1, flags(1), 0)],
            &[object(2, b'a', 0), object(2, b'b', 0), done(2, 0, 0)],
        ]);
        let mut requests = Requests::over(script);
        assert_eq!(names(&mut requests).unwrap(), b"ab");
        assert_eq!(*requests.wire.requests.borrow(), [1, 2]);
    }
}

#[test]
fn a_list_that_always_changes_is_all_that_was_seen() {
    let attempts: Vec<Vec<u8>> = (1..=ATTEMPTS)
        .zip(b'a'..)
        .map(|(sequence, name)| {
            let object = object(sequence, name, NLM_F_DUMP_INTR);
            [object, done(sequence, 0, 0)].concat()
        })
        .collect();
    let script = Script::default();
    script.datagrams.borrow_mut().extend(attempts);
    let mut requests = Requests::over(script);
    assert_eq!(names(&mut requests).unwrap(), b"abcde");
    assert!(requests.wire.datagrams.borrow().is_empty());
}

#[test]
fn an_error_at_the_end_of_a_list_is_told() {
    let script = Script::default()
        .answer(&[&[object(1, b'a', 0), done(1, 0, -libc::ENOENT)]]);
    let error = names(&mut Requests::over(script)).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn a_late_answer_to_an_earlier_request_is_passed_over() {
    let acknowledged = |sequence, code: i32| {
        let mut payload = code.to_ne_bytes().to_vec();
        payload.extend([0; 16]);
        written(NLMSG_ERROR, 0, sequence, &payload)
    };
    let script = Script::default().answer(&[
        &[acknowledged(1, -libc::EBUSY)],
        &[object(1, b'a', 0), acknowledged(1, 0)],
        &[object(2, b'b', 0), acknowledged(2, 0)],
    ]);
    let mut requests = Requests::over(script);
    let mut ask = || {
        let mut names = Vec::new();
        let asked = requests.ask(All(OBJECT), 0, |message| {
            names.extend_from_slice(message.payload);
        });
        asked.map(|()| names)
    };
    assert_eq!(ask().unwrap_err().raw_os_error(), Some(libc::EBUSY));
    assert_eq!(ask().unwrap(), b"b");
}

#[test]
fn one_object_is_enough_to_know_that_there_is_one() {
    let has_any = |datagram: &[Vec<u8>]| {
        let script = Script::default().answer(&[datagram]);
        Requests::over(script).has_any(All(OBJECT))
    };
    assert!(has_any(&[object(1, b'a', 0)]).unwrap());
    assert!(!has_any(&[done(1, 0, 0)]).unwrap());
    assert!(has_any(&[done(1, 0, -libc::EPERM)]).is_err());
}
