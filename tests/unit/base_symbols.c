/* SPDX-License-Identifier: MIT
 *
 * Symbol tables: which name an address gets, in a small file made for it, and that neither
 * this file nor the test's own program crashes its reader, however broken.
 */
#include "harness.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/symbols.h"
#include "base/sys.h"

enum { NONE, SYMTAB, DYNSYM, STRINGS, SECTIONS };

#define SYMBOLS 7
#define DYNAMIC_SYMBOLS 2

/* A file. */
struct image {
    Elf64_Ehdr header;
    Elf64_Phdr program;
    Elf64_Shdr sections[SECTIONS];
    Elf64_Sym symbols[SYMBOLS];
    Elf64_Sym dynamic[DYNAMIC_SYMBOLS];
    char strings[64];
};

/* Offsets into the strings. */
static const char strings[] = "\0local\0global\0outer\0inner\0object\0exported\0weak";
enum { LOCAL = 1, GLOBAL = 7, OUTER = 14, INNER = 20, OBJECT = 26, EXPORTED = 33, WEAK = 42 };

static Elf64_Sym symbol(unsigned name, unsigned binding, unsigned type, uint64_t value,
                        uint64_t size)
{
    return (Elf64_Sym){.st_name = name,
                       .st_info = (unsigned char)ELF64_ST_INFO(binding, type),
                       .st_shndx = 1,
                       .st_value = value,
                       .st_size = size};
}

static Elf64_Shdr section(unsigned type, size_t offset, size_t size, size_t entry_size)
{
    return (Elf64_Shdr){.sh_type = type,
                        .sh_offset = offset,
                        .sh_size = size,
                        .sh_entsize = entry_size,
                        .sh_link = STRINGS};
}

static struct image make_image(void)
{
    const uint16_t one = 1;
    struct image image = {
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64},
                   .e_phoff = offsetof(struct image, program),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 1,
                   .e_shoff = offsetof(struct image, sections),
                   .e_shentsize = sizeof(Elf64_Shdr),
                   .e_shnum = SECTIONS},
        .program = {.p_type = PT_LOAD, .p_memsz = 4096},
        .sections = {[SYMTAB] = section(SHT_SYMTAB, offsetof(struct image, symbols),
                                        SYMBOLS * sizeof(Elf64_Sym), sizeof(Elf64_Sym)),
                     [DYNSYM] = section(SHT_DYNSYM, offsetof(struct image, dynamic),
                                        DYNAMIC_SYMBOLS * sizeof(Elf64_Sym), sizeof(Elf64_Sym)),
                     [STRINGS] =
                         section(SHT_STRTAB, offsetof(struct image, strings), sizeof strings, 0)},
        .symbols = {symbol(0, STB_LOCAL, STT_FUNC, 0, 1 << 30),
                    symbol(LOCAL, STB_LOCAL, STT_FUNC, 0x100, 0x10),
                    symbol(OUTER, STB_GLOBAL, STT_FUNC, 0x200, 0x40),
                    symbol(INNER, STB_LOCAL, STT_FUNC, 0x210, 0x10),
                    symbol(OBJECT, STB_GLOBAL, STT_OBJECT, 0x300, 0x10),
                    symbol(WEAK, STB_WEAK, STT_GNU_IFUNC, 0x400, 0x10),
                    symbol(GLOBAL, STB_GLOBAL, STT_FUNC, 0x400, 0x10)},
        .dynamic = {symbol(EXPORTED, STB_GLOBAL, STT_FUNC, 0x100, 0x10),
                    symbol(EXPORTED, STB_GLOBAL, STT_FUNC, 0x500, 0x10)}};
    unsigned char low_byte;
    memcpy(&low_byte, &one, 1);
    image.header.e_ident[EI_DATA] = low_byte == 1 ? ELFDATA2LSB : ELFDATA2MSB;
    memcpy(image.strings, strings, sizeof strings);
    return image;
}

/* "name+position", or "-"; valid until the next call. */
static const char *found(const struct image *image, uint64_t address)
{
    static char text[128];
    struct symbol symbol;
    if (!symbols_find(image, sizeof *image, address, &symbol))
        return "-";
    snprintf(text, sizeof text, "%s+%d", symbol.name, (int)symbol.position);
    return text;
}

static void an_address_gets_the_name_of_the_function_around_it(void **state)
{
    (void)state;
    struct image image = make_image();
    assert_string_equal(found(&image, 0x100), "local+0");
    assert_string_equal(found(&image, 0x10f), "local+15");
    assert_string_equal(found(&image, 0x110), "-");
    assert_string_equal(found(&image, 0xff), "-");
    assert_string_equal(found(&image, 0), "-");
    assert_string_equal(found(&image, UINT64_MAX), "-");
}

static void of_several_functions_the_innermost_is_named(void **state)
{
    (void)state;
    struct image image = make_image();
    assert_string_equal(found(&image, 0x20f), "outer+15");
    assert_string_equal(found(&image, 0x210), "inner+0");
    assert_string_equal(found(&image, 0x220), "outer+32");
}

static void of_several_names_the_most_public_is_given(void **state)
{
    (void)state;
    struct image image = make_image();
    assert_string_equal(found(&image, 0x401), "global+1");
    image.symbols[6].st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
    assert_string_equal(found(&image, 0x401), "weak+1");
}

static void data_and_what_is_not_defined_have_no_name(void **state)
{
    (void)state;
    struct image image = make_image();
    assert_string_equal(found(&image, 0x300), "-");
    image.symbols[1].st_shndx = SHN_UNDEF;
    image.dynamic[0].st_shndx = SHN_UNDEF;
    assert_string_equal(found(&image, 0x100), "-");
}

static void a_stripped_file_has_its_exported_names(void **state)
{
    (void)state;
    struct image image = make_image();
    assert_string_equal(found(&image, 0x500), "exported+0"); /* the other table does not know */
    image.sections[SYMTAB].sh_type = SHT_NULL;
    assert_string_equal(found(&image, 0x100), "exported+0");
    image.sections[DYNSYM].sh_type = SHT_NULL;
    assert_string_equal(found(&image, 0x100), "-");
}

static void another_kind_of_file_has_no_names(void **state)
{
    (void)state;
    const int fields[] = {EI_MAG0, EI_MAG3, EI_CLASS, EI_DATA};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct image image = make_image();
        image.header.e_ident[fields[i]] ^= 3; /* 64 bit to 32, one byte order to the other */
        assert_string_equal(found(&image, 0x100), "-");
        assert_false(symbols_has_headers(&image, sizeof image, &image.program, 1));
    }
}

static void program_headers_tell_whether_it_is_the_same_file(void **state)
{
    (void)state;
    struct image image = make_image();
    Elf64_Phdr headers[2] = {image.program};
    assert_true(symbols_has_headers(&image, sizeof image, headers, sizeof headers[0]));
    assert_false(symbols_has_headers(&image, sizeof image, headers, sizeof headers));
    headers[0].p_memsz++;
    assert_false(symbols_has_headers(&image, sizeof image, headers, sizeof headers[0]));
    image.header.e_phoff = sizeof image - sizeof headers[0] + 1;
    assert_false(symbols_has_headers(&image, sizeof image, headers, sizeof headers[0]));
}

static void names_without_an_end_are_not_read(void **state)
{
    (void)state;
    struct image image = make_image();
    image.sections[STRINGS].sh_size = LOCAL + strlen("local");
    assert_string_equal(found(&image, 0x100), "-");
    image.sections[STRINGS].sh_size++;
    assert_string_equal(found(&image, 0x100), "local+0");
    image.sections[STRINGS].sh_offset = sizeof image - image.sections[STRINGS].sh_size;
    memset(image.strings, 'x', sizeof image.strings);
    assert_string_equal(found(&image, 0x100), "-");
}

/* ---- broken files ---- */

/* Looks ADDRESS up in a copy that ends where the heap's block does, so that a sanitizer sees
 * any byte too far; what is found must lie in it. */
static bool look_up(const unsigned char *bytes, size_t size, uint64_t address)
{
    unsigned char *copy = malloc(size + 1); /* of no size there would be no block */
    struct symbol symbol;
    assert_non_null(copy);
    unsigned char *file = copy + 1;
    if (size > 0)
        memcpy(file, bytes, size);
    bool is_found = symbols_find(file, size, address, &symbol);
    if (is_found) {
        size_t offset = (size_t)((const unsigned char *)symbol.name - file);
        assert_true(offset < size);
        assert_non_null(memchr(symbol.name, '\0', size - offset));
    }
    symbols_has_headers(file, size, bytes, size < 56 ? size : 56);
    free(copy);
    return is_found;
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void a_file_may_end_anywhere(void **state)
{
    (void)state;
    struct image image = make_image();
    const size_t needed = offsetof(struct image, strings) + sizeof strings;
    for (size_t size = 0; size <= sizeof image; size++) {
        bool is_found = look_up((const unsigned char *)&image, size, 0x401);
        assert_true(is_found || size < needed);
    }
}

static void any_byte_of_a_file_may_be_wrong(void **state)
{
    (void)state;
    struct image image = make_image();
    unsigned char *bytes = (unsigned char *)&image;
    for (size_t i = 0; i < sizeof image; i++)
        for (int bit = 0; bit <= 8; bit++) {
            unsigned char before = bytes[i];
            bytes[i] = (unsigned char)(bit < 8 ? before ^ (1 << bit) : 0xff);
            look_up(bytes, sizeof image, 0x100);
            look_up(bytes, sizeof image, 0x401);
            bytes[i] = before;
        }
}

static void many_bytes_of_a_file_may_be_wrong(void **state)
{
    (void)state;
    uint64_t seed = 20240607;
    for (int round = 0; round < 5000; round++) {
        struct image image = make_image();
        for (uint64_t left = 1 + next_random(&seed) % 8; left > 0; left--)
            ((unsigned char *)&image)[next_random(&seed) % sizeof image] =
                (unsigned char)next_random(&seed);
        look_up((const unsigned char *)&image, sizeof image, 0x401);
    }
}

/* The test's own program, its module, and an address in it as the file counts it. */
static void *own_file(size_t *ret_size, uint64_t *ret_address)
{
    struct sys_module module;
    void *file;
    assert_true(sys_find_module((uintptr_t)own_file, &module));
    assert_int_equal(sys_map_file(module.path, &file, ret_size), 0);
    assert_true(symbols_has_headers(file, *ret_size, module.headers, module.headers_size));
    *ret_address = (uintptr_t)own_file - module.base;
    return file;
}

static void a_real_program_may_end_anywhere(void **state)
{
    (void)state;
    size_t size;
    uint64_t address;
    unsigned char *file = own_file(&size, &address);
    assert_true(look_up(file, size, address));
    for (size_t i = 0; i < 256; i++) {
        assert_false(look_up(file, i, address));
        assert_false(look_up(file, size / 256 * i, address));
        look_up(file, size - i, address);
    }
    sys_unmap(file, size);
}

/* Most of a program says nothing of symbols: half of the bytes are in what does, the header
 * and the list of sections. */
static void any_bytes_of_a_real_program_may_be_wrong(void **state)
{
    (void)state;
    size_t size;
    uint64_t address, seed = 42;
    struct symbol symbol;
    void *file = own_file(&size, &address);
    unsigned char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, file, size);
    const Elf64_Ehdr *header = file;
    for (int round = 0; round < 2000; round++) {
        size_t places[4];
        for (int i = 0; i < 4; i++) {
            uint64_t random = next_random(&seed);
            places[i] = i == 0   ? random % size
                        : i == 1 ? header->e_shoff + random % (size - header->e_shoff)
                        : i == 2 ? size - 1 - random % (size / 4)
                                 : random % (round % 8 == 0 ? sizeof *header : size);
            copy[places[i]] = (unsigned char)next_random(&seed);
        }
        if (symbols_find(copy, size, address, &symbol))
            assert_true((const unsigned char *)symbol.name + strlen(symbol.name) < copy + size);
        for (int i = 0; i < 4; i++)
            copy[places[i]] = ((unsigned char *)file)[places[i]];
    }
    assert_true(symbols_find(copy, size, address, &symbol));
    assert_string_equal(symbol.name, "own_file");
    free(copy);
    sys_unmap(file, size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_address_gets_the_name_of_the_function_around_it),
        BEHAVIOUR(of_several_functions_the_innermost_is_named),
        BEHAVIOUR(of_several_names_the_most_public_is_given),
        BEHAVIOUR(data_and_what_is_not_defined_have_no_name),
        BEHAVIOUR(a_stripped_file_has_its_exported_names),
        BEHAVIOUR(another_kind_of_file_has_no_names),
        BEHAVIOUR(program_headers_tell_whether_it_is_the_same_file),
        BEHAVIOUR(names_without_an_end_are_not_read),
        BEHAVIOUR(a_file_may_end_anywhere),
        BEHAVIOUR(any_byte_of_a_file_may_be_wrong),
        BEHAVIOUR(many_bytes_of_a_file_may_be_wrong),
        BEHAVIOUR(a_real_program_may_end_anywhere),
        BEHAVIOUR(any_bytes_of_a_real_program_may_be_wrong),
    };
    return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
