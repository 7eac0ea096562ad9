/* SPDX-License-Identifier: MIT
 *
 * See symbols.h. Every read goes through part_of, which knows the file's size; structs are
 * copied out, as nothing in a broken file need be aligned.
 */
#include "base/symbols.h"

#include <elf.h>
#include <string.h>

struct file {
    const unsigned char *bytes;
    size_t size;
};

/* A table of sections or symbols: part of the file. */
struct table {
    const unsigned char *bytes;
    size_t count;
};

static const unsigned char own_byte_order =
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

/* NULL if it is not all there. */
static const unsigned char *part_of(struct file file, uint64_t offset, uint64_t size)
{
    if (offset > file.size || size > file.size - offset)
        return NULL;
    return file.bytes + offset;
}

static bool read_header(struct file file, Elf64_Ehdr *ret_header)
{
    const unsigned char *bytes = part_of(file, 0, sizeof *ret_header);
    if (bytes == NULL || memcmp(bytes, ELFMAG, SELFMAG) != 0)
        return false;
    memcpy(ret_header, bytes, sizeof *ret_header);
    return bytes[EI_CLASS] == ELFCLASS64 && bytes[EI_DATA] == own_byte_order;
}

/* More than 65279 sections, which e_shnum cannot say, are not read: count is 0 then. */
static bool read_sections(struct file file, struct table *ret_sections)
{
    Elf64_Ehdr header;
    if (!read_header(file, &header) || header.e_shentsize != sizeof(Elf64_Shdr))
        return false;
    ret_sections->count = header.e_shnum;
    ret_sections->bytes = part_of(file, header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
    return ret_sections->bytes != NULL;
}

static Elf64_Shdr section_at(struct table sections, size_t index)
{
    Elf64_Shdr section;
    memcpy(&section, sections.bytes + index * sizeof section, sizeof section);
    return section;
}

static Elf64_Sym symbol_at(struct table symbols, size_t index)
{
    Elf64_Sym symbol;
    memcpy(&symbol, symbols.bytes + index * sizeof symbol, sizeof symbol);
    return symbol;
}

static bool contains(const Elf64_Sym *symbol, uint64_t address)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol->st_shndx != SHN_UNDEF &&
           symbol->st_name != 0 && address >= symbol->st_value &&
           address - symbol->st_value < symbol->st_size;
}

/* Of several names for a function, the one that other files use. */
static int rank(const Elf64_Sym *symbol)
{
    unsigned binding = ELF64_ST_BIND(symbol->st_info);
    return binding == STB_GLOBAL ? 2 : binding == STB_WEAK ? 1 : 0;
}

static bool is_better(const Elf64_Sym *symbol, const Elf64_Sym *best)
{
    if (symbol->st_value != best->st_value)
        return symbol->st_value > best->st_value;
    return rank(symbol) > rank(best);
}

/* The innermost symbol; its st_name is 0 if there is none. */
static Elf64_Sym search(struct table symbols, uint64_t address)
{
    Elf64_Sym best = {0};
    for (size_t i = 0; i < symbols.count; i++) {
        Elf64_Sym symbol = symbol_at(symbols, i);
        if (contains(&symbol, address) && (best.st_name == 0 || is_better(&symbol, &best)))
            best = symbol;
    }
    return best;
}

/* The string at OFFSET of a string table; NULL if it is empty or has no end. */
static const char *read_name(struct file file, const Elf64_Shdr *strings, uint64_t offset)
{
    if (strings->sh_type != SHT_STRTAB || offset >= strings->sh_size)
        return NULL;
    const unsigned char *all = part_of(file, strings->sh_offset, strings->sh_size);
    if (all == NULL || all[offset] == '\0' ||
        memchr(all + offset, '\0', strings->sh_size - offset) == NULL)
        return NULL;
    return (const char *)all + offset;
}

static bool find_in_section(struct file file, struct table sections, const Elf64_Shdr *section,
                            uint64_t address, struct symbol *ret_symbol)
{
    struct table symbols = {part_of(file, section->sh_offset, section->sh_size),
                            section->sh_size / sizeof(Elf64_Sym)};
    if (symbols.bytes == NULL || section->sh_entsize != sizeof(Elf64_Sym) ||
        section->sh_link >= sections.count)
        return false;
    Elf64_Sym symbol = search(symbols, address);
    Elf64_Shdr strings = section_at(sections, section->sh_link);
    ret_symbol->name = symbol.st_name != 0 ? read_name(file, &strings, symbol.st_name) : NULL;
    ret_symbol->position = address - symbol.st_value;
    return ret_symbol->name != NULL;
}

bool symbols_has_headers(const void *bytes, size_t file_size, const void *headers, size_t size)
{
    struct file file = {bytes, file_size};
    Elf64_Ehdr header;
    if (!read_header(file, &header) || header.e_phentsize != sizeof(Elf64_Phdr) ||
        size > header.e_phnum * sizeof(Elf64_Phdr))
        return false;
    const unsigned char *own = part_of(file, header.e_phoff, size);
    return own != NULL && memcmp(own, headers, size) == 0;
}

bool symbols_find(const void *bytes, size_t file_size, uint64_t address, struct symbol *ret_symbol)
{
    static const uint32_t types[] = {SHT_SYMTAB, SHT_DYNSYM};
    struct file file = {bytes, file_size};
    struct table sections;
    if (!read_sections(file, &sections))
        return false;
    for (size_t type = 0; type < sizeof types / sizeof types[0]; type++)
        for (size_t i = 0; i < sections.count; i++) {
            Elf64_Shdr section = section_at(sections, i);
            if (section.sh_type == types[type] &&
                find_in_section(file, sections, &section, address, ret_symbol))
                return true;
        }
    return false;
}
