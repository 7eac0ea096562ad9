/* SPDX-License-Identifier: MIT
 *
 * C and Python on one loop: for extension modules whose functions return an awaitable that a
 * coroutine of libhoop fulfils, on the loop that the Python program runs.
 *
 *     static int64_t ask(void *arg);                    (awaits what it likes)
 *     static PyObject *answer(int64_t result, const char *message, void *arg);
 *
 *     static PyObject *client_ask(PyObject *module, PyObject *args)
 *     {
 *         struct question question = {...};
 *         return hoop_python_spawn(ask, &question, sizeof question, answer);
 *     }
 *
 * An extension is compiled with hoop.get_include() and linked with hoop.get_library(), the one
 * copy of libhoop that this process has; `import hoop` must come before its own import.
 *
 * Everything here is called in the thread of the running loop, with the interpreter's lock held.
 * That is so in a coroutine too, between its awaits; but it runs on a stack of some kilobytes, too
 * small for the interpreter: in a coroutine go through hoop_call_on_thread_stack (embed.h) before
 * you touch a Python object, and never await in there.
 *
 * A Python object that owns something of the loop's, a stream say, may end in another thread, or
 * after the loop has been closed, which took the stream with it. So it keeps a reference to the loop
 * (hoop_loop_ref) and frees what it owns by hoop_call_soon_threadsafe, which does nothing then.
 */
#ifndef HOOP_PYTHON_H
#define HOOP_PYTHON_H

#include <Python.h>
#include <hoop/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of a coroutine's outcome: RESULT is what it returned, MESSAGE what it attached to an
 * error (hoop_error_set), "" if nothing, ARGS what it worked with.
 * Returns a new reference, or NULL with an exception set. Called once, on the thread's stack, with
 * the coroutine ended: the place to free what ARGS points to. If the loop is closed before the
 * coroutine has ended, RESULT is HOOP_ECLOSED, and what it returns goes nowhere. */
typedef PyObject *(*hoop_python_convert_fn)(int64_t result, const char *message, void *args);

/* Starts FN as a task of the running loop, with a copy of the SIZE bytes at ARGS as its argument
 * (SIZE 0: with ARGS itself, borrowed), and returns a new asyncio.Future of that loop. CONVERT makes
 * the Python result; NULL: the number itself, or hoop_python_raise.
 *
 * Cancelling the future, or a Python task that awaits it, cancels the coroutine
 * (hoop_task_cancel); the future is cancelled once the coroutine has ended with -ECANCELED, be it
 * that C code cancelled it. One that ends otherwise has swallowed the request.
 *
 * NULL with an exception: RuntimeError if no loop of hoop runs in this thread, MemoryError. Then
 * CONVERT is not called. */
#define hoop_python_spawn(fn, args, size, convert) \
    hoop_python_spawn_named(fn, args, size, convert, #fn)

/* The same; NAME is the task's, borrowed: a string literal. */
HOOP_API PyObject *hoop_python_spawn_named(hoop_coroutine_fn fn, const void *args, size_t size,
                                           hoop_python_convert_fn convert, const char *name);

/* Sets the Python exception for a negative RESULT of libhoop, and returns NULL: OSError and its
 * kinds for an errno, asyncio.CancelledError for -ECANCELED, MemoryError, socket.gaierror for a
 * name that was not found, ssl.SSLError for TLS, EOFError for the end of a stream, else
 * RuntimeError. MESSAGE tells more; NULL or "": the error's own text. */
HOOP_API PyObject *hoop_python_raise(int64_t result, const char *message);

#ifdef __cplusplus
}
#endif

#endif
