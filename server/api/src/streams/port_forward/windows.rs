//! How much the client lets us send: SPDY's flow control.
//!
//! Go's library, which kubectl has, sends no window updates and expects none to be waited for. So
//! windows hold only once the client has spoken of them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

const INITIAL_BYTES: i64 = 64 * 1024;
/// The window of the whole session.
const SESSION: u32 = 0;

#[derive(Default)]
pub(super) struct Windows {
    state: Mutex<State>,
    raised: Notify,
}

struct State {
    is_kept: bool,
    initial: i64,
    session: i64,
    streams: HashMap<u32, i64>,
}

impl Default for State {
    fn default() -> Self {
        let streams = HashMap::new();
        Self { is_kept: false, initial: INITIAL_BYTES, session: INITIAL_BYTES, streams }
    }
}

impl Windows {
    /// Waits until something may be sent on a stream: how much of what is wanted.
    pub(super) async fn take(&self, stream: u32, wanted: usize) -> usize {
        loop {
            let raised = self.raised.notified();
            tokio::pin!(raised);
            raised.as_mut().enable();
            if let Some(taken) = self.try_take(stream, wanted) {
                return taken;
            }
            raised.await;
        }
    }

    fn try_take(&self, stream: u32, wanted: usize) -> Option<usize> {
        let mut state = self.state();
        let state = &mut *state;
        let window = state.streams.entry(stream).or_insert(state.initial);
        let taken = if state.is_kept {
            let open = usize::try_from(state.session.min(*window)).unwrap_or(0);
            wanted.min(open)
        } else {
            wanted
        };
        let bytes = i64::try_from(taken).unwrap_or(i64::MAX);
        *window -= bytes;
        state.session -= bytes;
        (taken > 0).then_some(taken)
    }

    pub(super) fn raise(&self, stream: u32, delta: u32) {
        let mut state = self.state();
        let state = &mut *state;
        state.is_kept = true;
        let window = match stream {
            SESSION => &mut state.session,
            stream => state.streams.entry(stream).or_insert(state.initial),
        };
        *window += i64::from(delta);
        self.raised.notify_waiters();
    }

    /// Sets the window that streams begin with; those that are open get the difference.
    pub(super) fn begin_with(&self, bytes: u32) {
        let mut state = self.state();
        let more = i64::from(bytes) - state.initial;
        state.is_kept = true;
        state.initial = i64::from(bytes);
        state.streams.values_mut().for_each(|window| *window += more);
        self.raised.notify_waiters();
    }

    pub(super) fn forget(&self, stream: u32) {
        self.state().streams.remove(&stream);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Numbers are whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_once_they_are_spoken_of() {
        let windows = Windows::default();
        assert_eq!(windows.try_take(1, 1 << 20), Some(1 << 20));
        // What was sent counts: the windows are far below zero now.
        windows.raise(1, 100);
        assert_eq!(windows.try_take(1, 1), None);
        windows.raise(1, 1 << 20);
        windows.raise(SESSION, 1 << 20);
        assert_eq!(windows.try_take(1, 1 << 20), Some(64 * 1024));
        assert_eq!(windows.try_take(3, 10), None, "the session is at its end");
        windows.raise(SESSION, 7);
        assert_eq!(windows.try_take(3, 10), Some(7));
    }

    #[test]
    fn a_setting_changes_open_streams() {
        let windows = Windows::default();
        windows.begin_with(10);
        assert_eq!(windows.try_take(1, 100), Some(10));
        windows.begin_with(30);
        assert_eq!(windows.try_take(1, 100), Some(20));
    }
}
