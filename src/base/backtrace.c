/* SPDX-License-Identifier: MIT
 *
 * See backtrace.h. What is needed to find names is on the heap, as a coroutine's stack may
 * be too small for paths; lines go out by fputs, as fprintf takes 8 KiB of it for stderr.
 */
#include "base/backtrace.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/symbols.h"
#include "base/sys.h"

#define FILES_MAX 8
#define NAME_MAX_SHOWN 2048 /* C++ has longer ones */

struct mapped_file {
    uintptr_t base; /* of the module; its key */
    void *bytes;    /* NULL if it cannot be read, or is no longer what was loaded */
    size_t size;
};

/* Where an address is, and the files that were read so far. */
struct reader {
    struct mapped_file files[FILES_MAX];
    size_t file_count;
    struct sys_module module;
    struct symbol symbol; /* name is NULL if it is unknown */
    char line[SYS_MODULE_PATH_MAX + 64];
};

static void reader_unmap(struct reader *reader)
{
    while (reader->file_count > 0) {
        struct mapped_file *file = &reader->files[--reader->file_count];
        if (file->bytes != NULL)
            sys_unmap(file->bytes, file->size);
    }
}

/* NULL is allowed. */
static void reader_free(struct reader *reader)
{
    if (reader != NULL)
        reader_unmap(reader);
    alloc_free(reader);
}

static struct mapped_file map_module(const struct sys_module *module)
{
    struct mapped_file file = {.base = module->base};
    if (sys_map_file(module->path, &file.bytes, &file.size) < 0 ||
        symbols_has_headers(file.bytes, file.size, module->headers, module->headers_size))
        return file;
    sys_unmap(file.bytes, file.size); /* replaced since; its names would be wrong */
    return (struct mapped_file){.base = module->base};
}

static const struct mapped_file *file_of_module(struct reader *reader)
{
    for (size_t i = 0; i < reader->file_count; i++)
        if (reader->files[i].base == reader->module.base)
            return &reader->files[i];
    if (reader->file_count == FILES_MAX)
        reader_unmap(reader);
    reader->files[reader->file_count] = map_module(&reader->module);
    return &reader->files[reader->file_count++];
}

/* Fills in module and symbol; false if ADDRESS is in no module. */
static bool reader_locate(struct reader *reader, uintptr_t address)
{
    reader->symbol = (struct symbol){0};
    if (!sys_find_module(address, &reader->module))
        return false;
    const struct mapped_file *file = file_of_module(reader);
    if (file->bytes == NULL ||
        !symbols_find(file->bytes, file->size, address - reader->module.base, &reader->symbol))
        reader->symbol.name = NULL;
    return true;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* In a few words. A return address (IS_CALL) stands for the call before it, which may be
 * another function's last instruction. READER is NULL without memory. */
static void describe(struct reader *reader, uintptr_t address, bool is_call, char *buffer,
                     size_t size)
{
    const uintptr_t target = is_call ? address - 1 : address;
    char position[24] = "";
    if (reader == NULL || !reader_locate(reader, target)) {
        snprintf(buffer, size, "0x%" PRIxPTR, address);
        return;
    }
    const struct symbol *symbol = &reader->symbol;
    if (symbol->name == NULL) {
        snprintf(buffer, size, "%s+0x%" PRIxPTR, reader->module.path, target - reader->module.base);
        return;
    }
    if (is_call || symbol->position != 0)
        snprintf(position, sizeof position, "+0x%" PRIx64, symbol->position);
    snprintf(buffer, size, "%.*s%s (%.255s)", NAME_MAX_SHOWN, symbol->name, position,
             last_component(reader->module.path));
}

/* Not inlined: by its return address it knows its own frames from the caller's, however many
 * a sanitizer or the compiler makes of them. */
__attribute__((noinline)) size_t backtrace_take(void **ret_addresses, size_t capacity,
                                                unsigned skip)
{
    const void *caller = __builtin_extract_return_addr(__builtin_return_address(0));
    void *all[BACKTRACE_DEPTH_MAX];
    const size_t count = sys_backtrace(all, BACKTRACE_DEPTH_MAX);
    size_t first = 0;
    while (first < count && all[first] != caller)
        first++;
    if (first == count)
        first = 0; /* the unwinder has its own opinion: rather too much than nothing */
    if (skip >= count - first)
        return 0;
    first += skip;
    const size_t taken = count - first < capacity ? count - first : capacity;
    memcpy(ret_addresses, all + first, taken * sizeof all[0]);
    return taken;
}

void backtrace_prepare(void)
{
    void *address;
    sys_backtrace(&address, 1);
}

void backtrace_print(void *const *addresses, size_t count, FILE *out)
{
    struct reader *reader = alloc_zeroed(sizeof *reader);
    char plain[32]; /* indented number */
    char *line = reader != NULL ? reader->line : plain;
    const size_t size = reader != NULL ? sizeof reader->line : sizeof plain;
    memcpy(line, "  ", 2);
    for (size_t i = 0; i < count; i++) {
        describe(reader, (uintptr_t)addresses[i], true, line + 2, size - 3);
        memcpy(line + strlen(line), "\n", 2); /* one piece, as other threads write as well */
        fputs(line, out);
    }
    reader_free(reader);
}

void backtrace_name(const void *address, char *buffer, size_t size)
{
    struct reader *reader = alloc_zeroed(sizeof *reader);
    describe(reader, (uintptr_t)address, false, buffer, size);
    reader_free(reader);
}
