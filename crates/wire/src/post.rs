//! How answers that arise on other threads reach the tasks of an event loop.
//!
//! To wake a task from another thread costs a system call, each time. A model that has run sixty-four requests wakes
//! as many tasks. They are left in the post of their event loop instead, and one task, the postman, is woken for all
//! that have gathered until it comes.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;

thread_local! {
    static POST: RefCell<Option<Arc<Post>>> = const { RefCell::new(None) };
}

/// A waker that wakes the task of `context` by the post of the event loop that this is called on.
pub(crate) fn waker(context: &Context<'_>) -> Waker {
    let post = POST.with_borrow_mut(|post| match post {
        Some(post) if post.is_open.load(Ordering::Relaxed) => Arc::clone(post),
        _ => Arc::clone(post.insert(Post::open())),
    });
    Waker::from(Arc::new(Letter { post, task: context.waker().clone() }))
}

/// Tasks of one event loop that are to be woken.
struct Post {
    /// The event loop's thread, which needs no post to wake its own tasks.
    thread: ThreadId,
    tasks: Mutex<Vec<Waker>>,
    postman: Mutex<Option<Waker>>,
    /// Whether the postman was told that there is something, and has not yet come.
    is_told: AtomicBool,
    /// Whether there is a postman; he goes with his event loop.
    is_open: AtomicBool,
}

impl Post {
    fn open() -> Arc<Self> {
        let post = Arc::new(Self {
            thread: thread::current().id(),
            tasks: Mutex::default(),
            postman: Mutex::default(),
            // Until he has come once, there is nobody to tell.
            is_told: AtomicBool::new(true),
            is_open: AtomicBool::new(true),
        });
        tokio::spawn(Postman(Arc::clone(&post)));
        post
    }

    fn leave(&self, task: &Waker) {
        if self.thread == thread::current().id() || !self.is_open.load(Ordering::Acquire) {
            return task.wake_by_ref();
        }
        self.tasks.lock().push(task.clone());
        if !self.is_told.swap(true, Ordering::AcqRel)
            && let Some(postman) = &*self.postman.lock()
        {
            postman.wake_by_ref();
        }
    }
}

/// Wakes one task, by post.
struct Letter {
    post: Arc<Post>,
    task: Waker,
}

impl Wake for Letter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.post.leave(&self.task);
    }
}

/// Wakes the tasks that were left in the post, for as long as the event loop lives.
struct Postman(Arc<Post>);

impl Future for Postman {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let post = &self.0;
        let mut own = post.postman.lock();
        if own.as_ref().is_none_or(|own| !own.will_wake(context.waker())) {
            *own = Some(context.waker().clone());
        }
        drop(own);
        // Whoever leaves something after this tells him again.
        post.is_told.store(false, Ordering::Release);
        let tasks = std::mem::take(&mut *post.tasks.lock());
        tasks.into_iter().for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for Postman {
    fn drop(&mut self) {
        self.0.is_open.store(false, Ordering::Release);
        let tasks = std::mem::take(&mut *self.0.tasks.lock());
        tasks.into_iter().for_each(Waker::wake);
    }
}
