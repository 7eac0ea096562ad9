/* SPDX-License-Identifier: MIT
 *
 * What OpenSSL says of a failure, in one code and one line.
 *
 * OpenSSL's queue of errors is the thread's, so that all tasks share it: whoever calls
 * OpenSSL empties it first, and takes what is in it before anything else runs.
 */
#include <errno.h>
#include <hoop/error.h>
#include <openssl/err.h>
#include <stdio.h>

#include "io/tls_context.h"

static _Thread_local char last_message[256];

const char *hoop_tls_last_message(void)
{
    return last_message;
}

/* It is nearly always empty, and emptying costs twenty times as much as looking. */
void tls_clear_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

int tls_note_error(int code, const char *message)
{
    snprintf(last_message, sizeof last_message, "%s", message);
    return code;
}

/* -ENOMEM or a system call's error, if that is among what is in the queue; else 0. */
static int system_error(unsigned long error)
{
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        return -ENOMEM;
    if (ERR_SYSTEM_ERROR(error))
        return -ERR_GET_REASON(error);
    return 0;
}

static bool is_about_certificate(unsigned long error)
{
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
           (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED ||
            ERR_GET_REASON(error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
}

/* The first of OpenSSL's errors is the cause, what follows tells through which functions it
 * went. */
static int describe_error(unsigned long error, const char *detail)
{
    const char *reason = ERR_reason_error_string(error);
    if (reason == NULL)
        reason = error != 0 ? "an error without a name" : "no reason given";
    bool has_detail = detail != NULL && detail[0] != '\0';
    snprintf(last_message, sizeof last_message, "%s%s%s", reason, has_detail ? ": " : "",
             has_detail ? detail : "");
    return HOOP_ETLS;
}

int tls_take_error(SSL *ssl)
{
    const char *detail = NULL;
    int flags = 0;
    unsigned long error = ERR_get_error_all(NULL, NULL, NULL, &detail, &flags);
    if ((flags & ERR_TXT_STRING) == 0)
        detail = NULL;
    long verified = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;
    if (is_about_certificate(error) && verified != X509_V_OK)
        detail = X509_verify_cert_error_string(verified);
    int code = describe_error(error, detail);
    if (is_about_certificate(error))
        code = HOOP_ECERTIFICATE;
    for (; error != 0; error = ERR_get_error())
        if (system_error(error) < 0)
            code = system_error(error);
    return code;
}
