/* SPDX-License-Identifier: MIT
 *
 * What the extension hoop._core holds once for each interpreter: its types, what it takes from
 * other modules, and the names that it looks up. The struct, its making, traversal and clearing
 * all come from the three lists below; nothing is kept in static variables.
 */
#ifndef MODULE_H
#define MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "signal_pipe.h"
#include "version.h"

/* X(name, spec, base): the type NAME is made from `PyType_Spec SPEC` on top of BASE, a member of
 * the state (a type, or a tuple of types), or NULL. One that a base names stands before it. */
#define CORE_TYPES(X) \
    X(Handle, handle_spec, NULL) \
    X(ThreadSafeHandle, thread_safe_handle_spec, state->Handle) \
    X(TimerHandle, timer_handle_spec, state->Handle) \
    X(Loop, loop_spec, NULL) \
    X(Spawned, spawned_spec, NULL) \
    X(SocketOperation, socket_operation_spec, NULL) \
    X(DatagramTransport, datagram_transport_spec, state->DatagramTransportBases) \
    X(Listener, listener_spec, NULL) \
    X(StreamTransport, stream_transport_spec, state->AsyncioTransport) \
    X(TlsProtocol, tls_protocol_spec, state->AsyncioBufferedProtocol) \
    X(SSLTransport, tls_transport_spec, state->AsyncioTransport) \
    X(ReadPipeTransport, read_pipe_transport_spec, state->AsyncioReadTransport) \
    X(WritePipeTransport, write_pipe_transport_spec, state->AsyncioWriteTransport)

/* X(name, module, attribute) */
#define CORE_IMPORTS(X) \
    X(AsyncioHandle, "asyncio", "Handle") \
    X(AsyncioTimerHandle, "asyncio", "TimerHandle") \
    X(AsyncioThreadSafeHandle, "hoop.describe", "THREAD_SAFE_HANDLE") \
    X(AsyncioFutures, "asyncio", "futures") \
    X(AsyncioTasks, "asyncio", "tasks") \
    X(AsyncioReadTransport, "asyncio", "ReadTransport") \
    X(AsyncioWriteTransport, "asyncio", "WriteTransport") \
    X(main_thread, "threading", "main_thread") \
    X(set_wakeup_fd, "signal", "set_wakeup_fd") \
    X(AsyncioTransport, "asyncio", "Transport") \
    X(DatagramTransportBases, "hoop.bases", "DATAGRAM_TRANSPORT") \
    X(AsyncioBufferedProtocol, "asyncio", "BufferedProtocol") \
    X(AsyncioTransportSocket, "asyncio.trsock", "TransportSocket") \
    X(AsyncioSendfileMode, "asyncio.constants", "_SendfileMode") \
    X(Socket, "socket", "socket") \
    X(AsyncioCancelledError, "asyncio", "CancelledError") \
    X(TlsAgainErrors, "hoop.tls", "AGAIN_ERRORS") \
    X(TlsClosedErrors, "hoop.tls", "CLOSED_ERRORS") \
    X(TlsSendfileFallback, "hoop.tls", "SENDFILE_FALLBACK")

/* X(name): the interned string "name", as state->name_NAME */
#define CORE_NAMES(X) \
    X(Future) \
    X(Task) \
    X(_attach) \
    X(_check_handshake_timeout) \
    X(_check_shutdown_timeout) \
    X(_create_task_by_factory) \
    X(_detach) \
    X(_get_extra_info) \
    X(_resume) \
    X(addr) \
    X(buffer_updated) \
    X(call_exception_handler) \
    X(call_later) \
    X(call_soon) \
    X(cancel) \
    X(close) \
    X(connection_lost) \
    X(connection_made) \
    X(context) \
    X(create_future) \
    X(data) \
    X(data_received) \
    X(datagram_received) \
    X(done) \
    X(eof_received) \
    X(error_received) \
    X(exception) \
    X(fileno) \
    X(get_buffer) \
    X(get_extra_info) \
    X(handle) \
    X(ident) \
    X(is_closing) \
    X(join) \
    X(loop) \
    X(message) \
    X(pause_reading) \
    X(pause_writing) \
    X(peername) \
    X(pending) \
    X(resume_reading) \
    X(resume_writing) \
    X(set_exception) \
    X(set_result) \
    X(source_traceback) \
    X(write)

struct core_state {
#define MEMBER(name, ...) PyObject *name;
    CORE_TYPES(MEMBER)
    CORE_IMPORTS(MEMBER)
#undef MEMBER
#define MEMBER(name) PyObject *name_##name;
    CORE_NAMES(MEMBER)
#undef MEMBER
    PyObject *loop_name; /* ("loop",): names of keyword arguments */
    struct signal_pipe signal_pipe;
};

extern struct PyModuleDef core_module;

/* The state that belongs to a type of this module, or to one that a program derived from it.
 * NULL with an exception. */
struct core_state *core_state_of(PyTypeObject *type);

/* Calls FUNCTION of the package's own module hoop.MODULE: for what is seldom done and reads
 * better in Python. A new reference, or NULL with an exception. */
PyObject *call_python(const char *module, const char *function, const char *format, ...);

#endif
