/* SPDX-License-Identifier: MIT
 *
 * Counts the TLS records in what comes in.
 */
#include "tls_records.h"

#include <string.h>

enum {
    TYPE_FIRST = 20, /* change_cipher_spec */
    TYPE_LAST = 24,  /* heartbeat */
    VERSION_MAJOR = 3,
};

static size_t payload_length(const struct tls_records *records)
{
    return (size_t)records->header[3] << 8 | records->header[4];
}

static void record_ends(struct tls_records *records)
{
    records->whole++;
    records->bytes += payload_length(records);
    records->header_length = 0;
}

static size_t feed_header(struct tls_records *records, const unsigned char *data, size_t length)
{
    size_t count = TLS_HEADER - records->header_length;
    if (count > length)
        count = length;
    unsigned char *header = records->header;
    memcpy(header + records->header_length, data, count);
    records->header_length += count;
    if (records->header_length < TLS_HEADER)
        return count;
    records->left = payload_length(records);
    if (header[0] < TYPE_FIRST || header[0] > TYPE_LAST || header[1] != VERSION_MAJOR)
        records->blind = true;
    if (records->left == 0)
        record_ends(records);
    return count;
}

static size_t feed_payload(struct tls_records *records, size_t length)
{
    size_t count = records->left < length ? records->left : length;
    records->left -= count;
    if (records->left == 0)
        record_ends(records);
    return count;
}

void tls_records_feed(struct tls_records *records, const char *data, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)data;
    while (length > 0 && !records->blind) {
        size_t count = records->header_length < TLS_HEADER ? feed_header(records, bytes, length)
                                                           : feed_payload(records, length);
        bytes += count;
        length -= count;
    }
    if (records->blind) {
        records->whole++;
        records->bytes += TLS_PLAIN_MAX;
    }
}

void tls_records_take(struct tls_records *records, size_t count, bool is_record_read)
{
    records->bytes -= count < records->bytes ? count : records->bytes;
    if (!records->blind && is_record_read)
        records->whole--;
    if (records->whole == 0)
        records->bytes = 0;
}

void tls_records_drained(struct tls_records *records)
{
    records->whole = 0;
    records->bytes = 0;
}
