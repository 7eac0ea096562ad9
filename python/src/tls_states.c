/* SPDX-License-Identifier: MIT
 *
 * TLS: the handshake, the shutdown, and the end of the connection.
 */
#include "tls.h"

/* ---- the waiter and the timers ---- */

static int is_true(PyObject *result)
{
    int truth = result == NULL ? -1 : PyObject_IsTrue(result);
    Py_XDECREF(result);
    return truth;
}

/* Fulfils the waiter, with EXCEPTION if that is not NULL. 0, or -1 with any exception. */
static int wake_waiter(tls_protocol_object *self, PyObject *exception)
{
    PyObject *waiter = self->waiter;
    if (waiter == NULL)
        return 0;
    self->waiter = NULL;
    int is_done = is_true(PyObject_CallMethodNoArgs(waiter, self->state->name_done));
    PyObject *result = NULL;
    if (is_done == 0 && exception != NULL)
        result = PyObject_CallMethodOneArg(waiter, self->state->name_set_exception, exception);
    else if (is_done == 0)
        result = PyObject_CallMethodOneArg(waiter, self->state->name_set_result, Py_None);
    Py_XDECREF(result);
    Py_DECREF(waiter);
    return is_done == 1 || result != NULL ? 0 : -1;
}

/* loop.call_later(SECONDS, self.METHOD), as *RET_TIMER. 0, or -1 with any exception. */
static int start_timer(tls_protocol_object *self, PyObject **ret_timer, PyObject *seconds,
                       PyObject *method)
{
    PyObject *callback = PyObject_GetAttr((PyObject *)self, method);
    if (callback == NULL)
        return -1;
    PyObject *timer = PyObject_CallMethodObjArgs(self->loop, self->state->name_call_later, seconds,
                                                 callback, NULL);
    Py_DECREF(callback);
    Py_XSETREF(*ret_timer, timer);
    return timer == NULL ? -1 : 0;
}

static int cancel_timer(tls_protocol_object *self, PyObject **member)
{
    PyObject *timer = *member;
    if (timer == NULL)
        return 0;
    *member = NULL;
    PyObject *result = PyObject_CallMethodNoArgs(timer, self->state->name_cancel);
    Py_XDECREF(result);
    Py_DECREF(timer);
    return result == NULL ? -1 : 0;
}

/* ---- the handshake ---- */

/* The pending exception is why there will be no data. 0, or -1 with any exception. */
static int handshake_failed(tls_protocol_object *self)
{
    self->phase = TLS_UNWRAPPED;
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *message = NULL;
    if (cancel_timer(self, &self->handshake_timer) == 0)
        message = call_python("tls", "handshake_message", "(O)", exception);
    const char *text = message == NULL ? NULL : PyUnicode_AsUTF8(message);
    int rc = -1;
    if (text != NULL) {
        PyErr_SetRaisedException(Py_NewRef(exception));
        rc = tls_fatal(self, text);
    }
    Py_XDECREF(message);
    if (rc == 0)
        rc = wake_waiter(self, exception);
    Py_DECREF(exception);
    return rc;
}

/* What the certificate and the cipher are goes into extra. 0, or -1 with an exception. */
static int take_info(tls_protocol_object *self)
{
    PyObject *info = call_python("tls", "handshake_info", "(O)", self->engine.object);
    int rc = info == NULL ? -1 : PyDict_Update(self->extra, info);
    Py_XDECREF(info);
    if (rc < 0)
        return -1;
    PyObject *result = call_python("tls", "log_handshake_end", "(OOO)", self->loop,
                                   (PyObject *)self, self->handshake_start);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int tell_made(tls_protocol_object *self)
{
    if (self->told != TLS_TOLD_NOTHING || self->app.object == NULL)
        return 0;
    self->told = TLS_TOLD_MADE;
    PyObject *result =
        protocol_call(&self->app, self->state->name_connection_made, self->app_transport);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* 0, or -1 with any exception. */
static int handshake_done(tls_protocol_object *self)
{
    if (cancel_timer(self, &self->handshake_timer) < 0)
        return -1;
    self->phase = TLS_WRAPPED;
    if (tls_engine_settle(&self->engine) < 0)
        return -1;
    if (take_info(self) < 0)
        return PyErr_ExceptionMatches(PyExc_Exception) ? handshake_failed(self) : -1;
    self->is_drained = false; /* its last words, which go with what the program writes */
    if (tell_made(self) < 0 || wake_waiter(self, NULL) < 0)
        return -1;
    if (self->phase == TLS_WRAPPED && (!self->is_drained || self->backlog_size > 0) &&
        tls_flush(self) < 0)
        return -1;
    return tls_read(self); /* what came with its end */
}

/* 0, or -1 with any exception. */
static int step_handshake(tls_protocol_object *self)
{
    int rc = tls_engine_step(&self->engine, "do_handshake");
    if (self->phase != TLS_HANDSHAKE)
        return rc < 0 ? -1 : 0; /* a callback of the context (server name ...) ended it */
    if (rc == 0)
        return tls_send(self, false);
    if (rc > 0)
        return handshake_done(self);
    return PyErr_ExceptionMatches(PyExc_Exception) ? handshake_failed(self) : -1;
}

static const char *const fatal = "Fatal error on SSL protocol";

int tls_start_handshake(tls_protocol_object *self)
{
    Py_XSETREF(self->handshake_start,
               call_python("tls", "log_handshake_start", "(OO)", self->loop, (PyObject *)self));
    if (self->handshake_start == NULL)
        return tls_fatal(self, fatal);
    self->phase = TLS_HANDSHAKE;
    if (start_timer(self, &self->handshake_timer, self->handshake_seconds,
                    self->state->name__check_handshake_timeout) < 0 ||
        step_handshake(self) < 0)
        return tls_fatal(self, fatal);
    return 0;
}

int tls_handshake_late(tls_protocol_object *self)
{
    if (self->phase != TLS_HANDSHAKE)
        return 0;
    PyObject *exception = call_python("tls", "handshake_late", "(O)", self->handshake_seconds);
    if (exception != NULL)
        PyErr_SetRaisedException(exception);
    return tls_fatal(self, "Fatal error on transport");
}

/* ---- the shutdown ---- */

int tls_call_eof_received(tls_protocol_object *self)
{
    if (self->told != TLS_TOLD_MADE || self->app.object == NULL)
        return 0;
    self->told = TLS_TOLD_EOF;
    int keep_open = is_true(protocol_call(&self->app, self->state->name_eof_received, NULL));
    if (keep_open > 0) {
        PyObject *result = call_python("tls", "log_keep_open", "()");
        keep_open = result == NULL ? -1 : 1;
        Py_XDECREF(result);
    }
    return keep_open < 0 ? tls_fatal(self, "Error calling eof_received()") : 0;
}

/* 0, or -1 with any exception. */
static int start_shutdown_timer(tls_protocol_object *self)
{
    if (self->shutdown_timer != NULL)
        return 0;
    return start_timer(self, &self->shutdown_timer, self->shutdown_seconds,
                       self->state->name__check_shutdown_timeout);
}

/* All is said: the transport may close. What it still has to send is limited by the timer, which
 * goes on until the connection is lost. 0, or -1 with any exception. */
static int shutdown_done(tls_protocol_object *self)
{
    if (tls_send(self, true) < 0 || tls_call_eof_received(self) < 0)
        return -1;
    if (self->transport == NULL)
        return 0;
    if (start_shutdown_timer(self) < 0)
        return -1;
    return tls_call_soon(self, PyObject_GetAttr(self->transport, self->state->name_close), NULL);
}

/* 0, or -1 with any exception. */
static int step_shutdown(tls_protocol_object *self)
{
    if (self->has_lower_eof)
        return shutdown_done(self);
    /* What the peer sent before it heard of the end would stand in the way of its answer. */
    if (tls_engine_discard(&self->engine) < 0)
        return -1;
    int rc = tls_engine_step(&self->engine, "unwrap");
    if (rc < 0 || self->phase != TLS_SHUTDOWN)
        return rc < 0 ? -1 : 0;
    return rc == 0 ? tls_send(self, false) : shutdown_done(self);
}

static int do_shutdown(tls_protocol_object *self)
{
    if (step_shutdown(self) == 0)
        return 0;
    PyObject *exception = PyErr_GetRaisedException(); /* which a timer must not cover up */
    if (cancel_timer(self, &self->shutdown_timer) < 0)
        PyErr_Clear();
    PyErr_SetRaisedException(exception);
    return tls_fatal(self, "Fatal error on transport");
}

/* The peer has closed below us, and the program paused before it had read all that came. */
static bool has_unread(const tls_protocol_object *self)
{
    return self->has_lower_eof && self->is_reading_paused && !self->is_closed &&
           self->engine.records.whole > 0 && !self->engine.is_ended;
}

static int do_flush(tls_protocol_object *self)
{
    if (tls_read(self) < 0)
        return -1;
    if (self->phase != TLS_FLUSHING || has_unread(self))
        return 0; /* the program reads on later */
    if (self->backlog_size > 0 && tls_flush(self) < 0)
        return tls_fatal(self, fatal);
    if (self->phase != TLS_FLUSHING)
        return 0;
    self->phase = TLS_SHUTDOWN;
    return do_shutdown(self);
}

static void mark_closed(tls_protocol_object *self)
{
    if (self->app_transport != NULL)
        ((tls_transport_object *)(void *)self->app_transport)->is_closed = true;
}

int tls_start_shutdown(tls_protocol_object *self)
{
    mark_closed(self);
    if (self->phase == TLS_HANDSHAKE)
        return tls_abort(self, Py_None);
    if (self->phase == TLS_FLUSHING && self->is_closed)
        return do_flush(self); /* nobody will read what it waits with */
    if (self->phase != TLS_WRAPPED)
        return 0;
    self->phase = TLS_FLUSHING;
    if (start_shutdown_timer(self) < 0)
        return tls_fatal(self, fatal);
    return do_flush(self);
}

int tls_shutdown_late(tls_protocol_object *self)
{
    if ((self->phase != TLS_FLUSHING && self->phase != TLS_SHUTDOWN) || self->transport == NULL)
        return 0;
    PyObject *exception = call_python("tls", "shutdown_late", "()");
    PyObject *result = NULL;
    if (exception != NULL)
        result = call_python("tls", "force_close", "(OO)", self->transport, exception);
    Py_XDECREF(exception);
    Py_XDECREF(result);
    return result == NULL ? tls_fatal(self, fatal) : 0;
}

/* ---- what the transport below says ---- */

int tls_advance(tls_protocol_object *self)
{
    switch (self->phase) {
    case TLS_HANDSHAKE:
        return step_handshake(self) < 0 ? tls_fatal(self, fatal) : 0;
    case TLS_WRAPPED:
        return tls_read(self);
    case TLS_FLUSHING:
        return do_flush(self);
    case TLS_SHUTDOWN:
        return do_shutdown(self);
    case TLS_UNWRAPPED:
        break;
    }
    return 0;
}

/* The peer was gone before there was any data. */
static int handshake_cut(tls_protocol_object *self)
{
    PyObject *exception = PyObject_CallNoArgs(PyExc_ConnectionResetError);
    if (exception != NULL)
        PyErr_SetRaisedException(exception);
    return handshake_failed(self) < 0 ? tls_fatal(self, fatal) : 0;
}

int tls_lower_eof(tls_protocol_object *self, bool *ret_keep_open)
{
    self->has_lower_eof = true;
    *ret_keep_open = false;
    if (self->phase == TLS_HANDSHAKE)
        return handshake_cut(self);
    if (self->phase == TLS_WRAPPED) {
        self->phase = TLS_FLUSHING;
        /* The program gets the rest when it resumes. */
        int rc = self->is_reading_paused ? 0 : do_flush(self);
        *ret_keep_open = self->phase == TLS_FLUSHING;
        return rc;
    }
    if (self->phase == TLS_FLUSHING && self->backlog_size > 0 && tls_flush(self) < 0)
        return tls_fatal(self, fatal);
    if (self->phase == TLS_FLUSHING)
        self->phase = TLS_SHUTDOWN;
    return self->phase == TLS_SHUTDOWN ? do_shutdown(self) : 0;
}

/* The program's connection_lost is called in the next iteration. 0, or -1 with any exception. */
static int tell_lost(tls_protocol_object *self, PyObject *exception)
{
    bool is_told = self->told == TLS_TOLD_MADE || self->told == TLS_TOLD_EOF;
    if (self->phase == TLS_HANDSHAKE || !is_told || self->app.object == NULL)
        return 0;
    self->told = TLS_TOLD_LOST;
    PyObject *method = PyObject_GetAttr(self->app.object, self->state->name_connection_lost);
    return tls_call_soon(self, method, exception);
}

int tls_forget(tls_protocol_object *self)
{
    self->is_forgotten = true;
    if (self->lost_count == 0 || self->transport != NULL)
        return 0;
    PyDict_Clear(self->extra);
    tls_engine_clear(&self->engine);
    return 0;
}

/* What the end takes with it: the circle of protocol and transports is broken. */
static int let_go(tls_protocol_object *self)
{
    mark_closed(self);
    self->lost_count++;
    self->phase = TLS_UNWRAPPED;
    self->backlog_size = 0;
    PyObject *rest = tls_engine_drain(&self->engine);
    int rc = rest == NULL ? -1 : PyList_SetSlice(self->backlog, 0, PY_SSIZE_T_MAX, NULL);
    Py_XDECREF(rest);
    Py_CLEAR(self->transport);
    Py_CLEAR(self->app_transport);
    Py_CLEAR(self->app.object);
    if (rc == 0 && self->is_forgotten)
        rc = tls_forget(self);
    return rc;
}

/* The handshake did not come to its end, so the waiter must not believe that it did. */
static int fail_waiter(tls_protocol_object *self, PyObject *exception)
{
    if (exception != Py_None || self->waiter == NULL)
        return wake_waiter(self, exception);
    PyObject *aborted = PyObject_CallFunction(PyExc_ConnectionAbortedError, "s",
                                              "the connection was closed during the handshake");
    int rc = aborted == NULL ? -1 : wake_waiter(self, aborted);
    Py_XDECREF(aborted);
    return rc;
}

/* RC of one step of several that are all to be done: the first exception is kept for the end. */
static void keep_first(PyObject **raised, int rc)
{
    if (rc == 0)
        return;
    if (*raised == NULL)
        *raised = PyErr_GetRaisedException();
    else
        PyErr_Clear();
}

int tls_lower_lost(tls_protocol_object *self, PyObject *exception)
{
    PyObject *raised = NULL;
    keep_first(&raised, tell_lost(self, exception));
    keep_first(&raised, let_go(self));
    keep_first(&raised, cancel_timer(self, &self->handshake_timer));
    keep_first(&raised, cancel_timer(self, &self->shutdown_timer));
    keep_first(&raised, fail_waiter(self, exception));
    if (raised == NULL)
        return 0;
    PyErr_SetRaisedException(raised);
    return tls_fatal(self, fatal);
}

int tls_abort(tls_protocol_object *self, PyObject *exception)
{
    self->phase = TLS_UNWRAPPED;
    if (self->transport == NULL)
        return 0;
    PyObject *result = call_python("tls", "force_close", "(OO)", self->transport, exception);
    Py_XDECREF(result);
    return result == NULL ? tls_fatal(self, fatal) : 0;
}
