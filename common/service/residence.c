/* The libraries behind libpq and libcurl run thousands of lines of initialisation once, and those pages stay
 * resident in every process of the machine. Their mappings are private and read-only, so dropping them loses
 * nothing: the next use maps them again from the file. Segments that were ever written (data, relocations)
 * are not touched. */
#include "service/residence.h"
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KEEP_HEAP = 64 * 1024 };

static int release_object(struct dl_phdr_info *object, size_t size, void *ctx)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)ctx;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t begin = object->dlpi_addr + segment->p_vaddr, end = begin + segment->p_filesz;

        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
            continue;
        begin = (begin + page - 1) & ~(page - 1); /* a page shared with another segment stays */
        end &= ~(page - 1);
        if (begin < end)
            (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    return 0;
}

void residence_release(void)
{
    malloc_trim(KEEP_HEAP);
    dl_iterate_phdr(release_object, NULL);
}
