//! The terminal: taken for the view, and given back however the view ends.

use std::io::{self, Stdout, Write};
use std::mem::ManuallyDrop;
use std::panic;
use std::thread;

use crossbeam_channel::Sender;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{
    self, DisableMouseCapture, EnableMouseCapture, Event as Raw, KeyCode,
    KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent,
    MouseEventKind,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::state::{Input, State};
use super::view::{Theme, draw};

/// A terminal whose destructor never runs, because `restore` shows the cursor.
///
/// The destructor of `Terminal` would also show the cursor, and would print a
/// failure by `eprintln!`. That panics if standard error is the terminal that
/// has gone.
type Undropped<W> = ManuallyDrop<Terminal<CrosstermBackend<W>>>;

/// A terminal that shows the view. It is restored when this is dropped.
pub(super) struct Screen {
    terminal: Undropped<Stdout>,
    theme: Theme,
    has_mouse: bool,
}

impl Screen {
    /// Takes the terminal. A panic of any thread gives it back first, so that
    /// its message can be read.
    pub(super) fn open(theme: Theme, has_mouse: bool) -> io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
        let terminal = undropped(io::stdout(), Viewport::Fullscreen)?;
        let mut screen = Self { terminal, theme, has_mouse };
        screen.take()?;
        Ok(screen)
    }

    fn take(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        self.apply_mouse()?;
        self.forget()
    }

    /// Clears the screen, so that all of it is drawn again.
    ///
    /// `Terminal::clear` would ask the terminal for its cursor, and the thread
    /// that reads keys would take the answer. `Terminal::resize` does not ask.
    fn forget(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Gives the terminal to the shell while this process is stopped, and
    /// takes it back.
    pub(super) fn stop(&mut self) -> io::Result<()> {
        restore();
        // The process is stopped here, until SIGCONT.
        signal_hook::low_level::emulate_default_handler(
            signal_hook::consts::SIGTSTP,
        )?;
        self.take()
    }

    /// Takes the terminal back from a shell that had stopped this process
    /// without its knowledge.
    pub(super) fn retake(&mut self) -> io::Result<()> {
        self.take()
    }

    /// Switches the mouse on or off.
    pub(super) fn set_mouse(&mut self, has_mouse: bool) -> io::Result<()> {
        self.has_mouse = has_mouse;
        self.apply_mouse()
    }

    fn apply_mouse(&self) -> io::Result<()> {
        match self.has_mouse {
            true => execute!(io::stdout(), EnableMouseCapture),
            false => execute!(io::stdout(), DisableMouseCapture),
        }
    }

    /// Draws the state.
    pub(super) fn draw(&mut self, state: &mut State) -> io::Result<()> {
        let theme = self.theme;
        self.terminal.draw(|frame| {
            let area = frame.area();
            draw(state, theme, area, frame.buffer_mut());
        })?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn undropped<W: Write>(out: W, viewport: Viewport) -> io::Result<Undropped<W>> {
    let options = TerminalOptions { viewport };
    let backend = CrosstermBackend::new(out);
    Terminal::with_options(backend, options).map(ManuallyDrop::new)
}

/// Returns whether an error means that the terminal has gone: the kernel
/// answers EIO for a terminal that was hung up.
pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// Gives the terminal back. Faults have nobody to be told to.
fn restore() {
    let mut out = io::stdout();
    let _ = execute!(out, DisableMouseCapture, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = out.flush();
}

/// A key, or a new size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    Input(Input),
    /// Ctrl-Z, which is only a key in this mode.
    Stop,
    Resized,
    /// Ctrl-L.
    Redraw,
}

/// Starts a thread that reads keys and the mouse, until the terminal is gone.
pub(super) fn read(pressed: Sender<Pressed>) -> io::Result<()> {
    let thread = thread::Builder::new().name("keys".into());
    thread.spawn(move || {
        while let Ok(raw) = event::read() {
            let meanings = match raw {
                Raw::Key(key) => of_keys(key),
                Raw::Mouse(mouse) => of_mouse(mouse),
                Raw::Resize(..) => vec![Some(Pressed::Resized)],
                _ => vec![],
            };
            for one in meanings.into_iter().flatten() {
                if pressed.send(one).is_err() {
                    return;
                }
            }
        }
    })?;
    Ok(())
}

/// Returns what a key means. Escape and a key that follow closely cannot be told
/// from Alt and that key, for which the view has no use.
fn of_keys(key: KeyEvent) -> Vec<Option<Pressed>> {
    let escape = (key.modifiers.contains(KeyModifiers::ALT)
        && key.kind != KeyEventKind::Release)
        .then_some(Pressed::Input(Input::Escape));
    vec![escape, of_key(key)]
}

fn of_key(key: KeyEvent) -> Option<Pressed> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Pressed::Input(Input::Interrupt)),
            KeyCode::Char('z') => Some(Pressed::Stop),
            KeyCode::Char('l') => Some(Pressed::Redraw),
            _ => None,
        };
    }
    let input = match key.code {
        KeyCode::Char(key) => Input::Key(key),
        KeyCode::Enter => Input::Enter,
        KeyCode::Esc => Input::Escape,
        KeyCode::Backspace => Input::Backspace,
        KeyCode::Tab => Input::Tab,
        KeyCode::BackTab => Input::BackTab,
        KeyCode::Up => Input::Up,
        KeyCode::Down => Input::Down,
        KeyCode::Left => Input::Left,
        KeyCode::Right => Input::Right,
        KeyCode::PageUp => Input::PageUp,
        KeyCode::PageDown => Input::PageDown,
        KeyCode::Home => Input::Home,
        KeyCode::End => Input::End,
        _ => return None,
    };
    Some(Pressed::Input(input))
}

fn of_mouse(mouse: MouseEvent) -> Vec<Option<Pressed>> {
    let three = |input| vec![Some(Pressed::Input(input)); 3];
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => {
            let click = Input::Click(mouse.column, mouse.row);
            vec![Some(Pressed::Input(click))]
        }
        MouseEventKind::Down(MouseButton::Right) => {
            vec![Some(Pressed::Input(Input::Escape))]
        }
        MouseEventKind::ScrollUp => three(Input::Up),
        MouseEventKind::ScrollDown => three(Input::Down),
        _ => vec![],
    }
}

/// Returns the abilities of the terminal, from the environment.
pub(super) fn theme() -> Theme {
    let is_set = |name: &str| {
        std::env::var_os(name).is_some_and(|value| !value.is_empty())
    };
    // The first one that is set decides, as setlocale(3) has it.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    let locale = locale.unwrap_or_default().to_uppercase();
    Theme {
        has_colour: !is_set("NO_COLOR"),
        has_blocks: locale.contains("UTF-8") || locale.contains("UTF8"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use ratatui::layout::Rect;

    use super::*;

    /// A terminal that keeps what is written, and can be read after its end.
    #[derive(Clone, Default)]
    struct Written(Rc<RefCell<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_end_of_the_view_leaves_the_cursor_to_restore() {
        let written = Written::default();
        let viewport = Viewport::Fixed(Rect::new(0, 0, 4, 1));
        let before = {
            let mut screen = undropped(written.clone(), viewport).unwrap();
            // A frame without a cursor hides it.
            screen.draw(|_| {}).unwrap();
            written.0.borrow().len()
        };
        assert!(before > 0);
        assert_eq!(written.0.borrow().len(), before);
    }

    #[test]
    fn a_terminal_that_was_hung_up_is_gone() {
        let eio = rustix::io::Errno::IO.raw_os_error();
        assert!(is_gone(&io::Error::from_raw_os_error(eio)));
        assert!(is_gone(&io::ErrorKind::BrokenPipe.into()));
        assert!(!is_gone(&io::ErrorKind::PermissionDenied.into()));
    }

    #[test]
    fn a_key_close_behind_escape_is_both() {
        let key = |modifiers| KeyEvent::new(KeyCode::Char('r'), modifiers);
        let pressed = |it: Input| Some(Pressed::Input(it));
        let both = [pressed(Input::Escape), pressed(Input::Key('r'))];
        assert_eq!(of_keys(key(KeyModifiers::ALT)), both);
        let one = [None, pressed(Input::Key('r'))];
        assert_eq!(of_keys(key(KeyModifiers::NONE)), one);
    }
}
