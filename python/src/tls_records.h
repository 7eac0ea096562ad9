/* SPDX-License-Identifier: MIT
 *
 * Counts the TLS records in what comes in, by the five bytes before each: type, version, length.
 * The engine is asked for data only while a whole record may be unread, for asking in vain costs
 * it an exception. The count is never too low, so nothing is left lying; where it is too high, one
 * question in vain sets it right.
 */
#ifndef TLS_RECORDS_H
#define TLS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    TLS_HEADER = 5,
    TLS_PLAIN_MAX = 16384, /* what one record carries at most */
};

struct tls_records {
    unsigned char header[TLS_HEADER];
    size_t header_length;
    size_t left;  /* of the record's payload, once its header is whole */
    size_t whole; /* records that came whole and may be unread */
    size_t bytes; /* what they carry, at most (but for compression) */
    bool blind;   /* what comes is something else: each piece of it may be worth a question */
};

/* LENGTH bytes came in. */
void tls_records_feed(struct tls_records *records, const char *data, size_t length);
/* COUNT bytes were read; IS_RECORD_READ: no more are left of the record that had them. */
void tls_records_take(struct tls_records *records, size_t count, bool is_record_read);
/* The engine said that it has no more. */
void tls_records_drained(struct tls_records *records);

#endif
