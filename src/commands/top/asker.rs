//! Asks the exporter: a thread that turns questions into news.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::hosts;
use super::page::{self, Question};
use super::state::{Event, News};
use super::table::{Tab, Table};
use crate::api::{Answer as Page, Slices, Summary};
use crate::commands::client::{Answer, Client, ClientError};

/// Asks for the machine and for a table.
pub(super) struct Asker {
    client: Client,
    slices: Slices,
    /// The question that was answered last: only its page may be unchanged.
    last: Option<Question>,
}

impl Asker {
    pub(super) fn new(client: Client) -> Self {
        Self { client, slices: Slices::default(), last: None }
    }

    /// Asks once.
    pub(super) fn ask(
        &mut self,
        question: &Question,
    ) -> Result<News, ClientError> {
        let summary = match self.client.get::<Summary>(Summary::PATH)? {
            Answer::Page(summary) => {
                self.slices = summary.slices;
                Some(summary)
            }
            Answer::Unchanged => None,
        };
        let table = match self.table(question) {
            Ok(table) => table,
            Err(fault) => match fault.refusal() {
                // The subject is off, and the line says how to turn it on.
                Some((404, line)) => {
                    Some(Table { refusal: line.to_owned(), ..Table::default() })
                }
                _ => return Err(fault),
            },
        };
        self.last = Some(question.clone());
        Ok(News { question: question.clone(), summary, table })
    }

    /// Asks for a table. After another question, the page is asked for even if
    /// it has not changed: the screen has forgotten it.
    fn table(
        &mut self,
        question: &Question,
    ) -> Result<Option<Table>, ClientError> {
        let is_known = self.last.as_ref() == Some(question);
        let has_hosts = self.slices.remote_hosts;
        table(&mut self.client, question, has_hosts, is_known)
    }

    /// Asks for a table once.
    pub(super) fn once(
        client: &mut Client,
        question: &Question,
        slices: Slices,
    ) -> Result<Table, ClientError> {
        let asked = table(client, question, slices.remote_hosts, false)?;
        Ok(asked.unwrap_or_default())
    }
}

/// Asks for the page of a table; nothing if it is known and has not changed.
fn table(
    client: &mut Client,
    question: &Question,
    has_hosts: bool,
    is_known: bool,
) -> Result<Option<Table>, ClientError> {
    let mut ask = Ask { client, question, is_known };
    match question.tab {
        Tab::Countries => ask.page(|it| page::countries(it, has_hosts)),
        Tab::Networks if question.groups_hosts() => {
            ask.page(|it| hosts::hosts(it, question))
        }
        Tab::Networks => ask.page(|it| page::networks(it, has_hosts)),
        Tab::Services => ask.page(|it| page::services(it, has_hosts)),
        Tab::Ranges => ask.page(page::ranges),
        Tab::Hosts => ask.page(|it| hosts::hosts(it, question)),
        Tab::Interfaces => ask.page(page::interfaces),
        Tab::Connections => ask.page(|it| page::connections(it, has_hosts)),
    }
}

struct Ask<'a> {
    client: &'a mut Client,
    question: &'a Question,
    is_known: bool,
}

impl Ask<'_> {
    fn page<P: Page>(
        &mut self,
        table: impl FnOnce(P) -> Table,
    ) -> Result<Option<Table>, ClientError> {
        let path = self.question.path();
        if !self.is_known {
            return self.client.get_again(&path).map(|it| Some(table(it)));
        }
        Ok(match self.client.get(&path)? {
            Answer::Page(page) => Some(table(page)),
            Answer::Unchanged => None,
        })
    }
}

/// Asks the newest question whenever there is a new one, and once an interval.
/// Ends when nobody asks or listens any more.
pub(super) fn run(
    mut asker: Asker,
    interval: Duration,
    questions: &Receiver<Question>,
    events: &Sender<Event>,
) {
    let Ok(mut question) = questions.recv() else { return };
    loop {
        while let Ok(newer) = questions.try_recv() {
            question = newer;
        }
        let event = match asker.ask(&question) {
            Ok(news) => Event::Answer(Box::new(news)),
            Err(fault) => {
                // A new exporter knows no answers of the old one.
                asker.last = None;
                Event::Silence(fault.to_string())
            }
        };
        if events.send(event).is_err() {
            return;
        }
        match questions.recv_timeout(interval) {
            Ok(newer) => question = newer,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
