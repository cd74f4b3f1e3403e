//! Words for another process, several at a time: each by itself is a wake-up there, and a package manager has hundreds to say. What
//! is urgent goes at once, and the rest not much later.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// So long a word may wait for more.
const PACE: Duration = Duration::from_millis(20);

/// Where the words go in. Copies lead to the same place.
pub struct Paced<T>(Arc<(Mutex<Queue<T>>, Condvar)>);

struct Queue<T> {
    words: Vec<T>,
    is_urgent: fn(&T) -> bool,
    hurry: bool,
    is_over: bool,
}

impl<T> Clone for Paced<T> {
    fn clone(&self) -> Paced<T> {
        Paced(self.0.clone())
    }
}

impl<T> Paced<T> {
    pub fn say(&self, word: T) {
        let mut queue = self.queue();
        let is_first = queue.words.is_empty();
        let hurries = !queue.hurry && (queue.is_urgent)(&word);
        queue.hurry |= hurries;
        queue.words.push(word);
        if is_first || hurries {
            self.0.1.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be written now; `None` once there will be no more.
    fn next(&self) -> Option<Vec<T>> {
        let in_order = PoisonError::into_inner;
        let queue = self.queue();
        let queue =
            self.0.1.wait_while(queue, |queue| queue.words.is_empty() && !queue.is_over).unwrap_or_else(in_order);
        let may_wait = |queue: &mut Queue<T>| !queue.hurry && !queue.is_over;
        let waited = self.0.1.wait_timeout_while(queue, PACE, may_wait);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.hurry = false;
        let words = std::mem::take(&mut queue.words);
        (!words.is_empty()).then_some(words)
    }
}

/// Does the work, and meanwhile hands what it says to `write`, in order and without end only when the work ends. `begin` is called in
/// the thread that writes, before anything else.
pub fn pace<T: Send, R>(
    is_urgent: fn(&T) -> bool,
    begin: impl FnOnce() + Send,
    mut write: impl FnMut(Vec<T>) + Send,
    work: impl FnOnce(&Paced<T>) -> R,
) -> R {
    let queue = Queue { words: Vec::new(), is_urgent, hurry: false, is_over: false };
    let paced = Paced(Arc::new((Mutex::new(queue), Condvar::new())));
    let reader = paced.clone();
    // The work may end by a panic, and the writer must not wait for more then.
    struct Over<T>(Paced<T>);
    impl<T> Drop for Over<T> {
        fn drop(&mut self) {
            self.0.queue().is_over = true;
            self.0.0.1.notify_one();
        }
    }
    thread::scope(|scope| {
        scope.spawn(move || {
            begin();
            while let Some(words) = reader.next() {
                write(words);
            }
        });
        let over = Over(paced);
        work(&over.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn all_is_said_in_order_and_what_is_urgent_takes_the_rest_along() {
        let (wrote, written) = mpsc::channel();
        let work = |paced: &Paced<u32>| {
            (1..=99).for_each(|word| paced.say(word));
            paced.say(100);
            // Comes before the work ends.
            let mut heard: Vec<u32> = Vec::new();
            while heard.len() < 100 {
                heard.extend(written.recv().unwrap());
            }
            paced.say(101);
            heard
        };
        let mut heard = pace(|word| *word == 100, || {}, |words: Vec<u32>| wrote.send(words).unwrap(), work);
        heard.extend(written.try_iter().flatten());
        assert_eq!(heard, (1..=101).collect::<Vec<u32>>());
    }

    #[test]
    fn the_end_of_the_work_is_the_end_whatever_copies_are_left() {
        let left = pace(|_| false, || {}, |_: Vec<u8>| {}, Paced::clone);
        left.say(1);
    }
}
