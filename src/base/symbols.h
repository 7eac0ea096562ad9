/* SPDX-License-Identifier: MIT
 *
 * Reads an ELF file's symbol tables: which function an address lies in, static ones
 * included. The file may be broken, or something else altogether: nothing that it says is
 * believed before it is held against the file's size. 64 bit, in this machine's byte order.
 */
#ifndef BASE_SYMBOLS_H
#define BASE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
    const char *name;  /* inside of the file's bytes */
    uint64_t position; /* of the address, from the function's beginning */
};

/* Whether the file's program headers begin with HEADERS. */
bool symbols_has_headers(const void *file, size_t file_size, const void *headers, size_t size);

/* The function that ADDRESS, as the file counts them, is in: by .symtab, or where that was
 * stripped, or does not know, by .dynsym. */
bool symbols_find(const void *file, size_t file_size, uint64_t address, struct symbol *ret_symbol);

#endif
