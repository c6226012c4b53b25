/* What is printed quotes the file: as one line, without anything that moves a cursor. */
#include "deskctl/document_file.h"
#include "deskctl/cli.h"
#include "deskctl/output.h"
#include "deskctl/whole_file.h"
#include <errno.h>

int document_file_open(struct document_file *file, const char *path)
{
    _cleanup_buf_ struct buf text = BUF_INIT, reason = BUF_INIT;
    _cleanup_yaml_fault_ struct yaml_fault fault = {0};

    file->path = path;
    if (whole_file_read(path, YAML_FILE_MAX, &text) < 0) {
        if (errno == EFBIG)
            return cli_fail(EXIT_ERROR, T("%s: is longer than %d bytes", "%s：超过 %d 字节"), path,
                            YAML_FILE_MAX);
        return cli_fail(EXIT_ERROR, T("cannot read %s: %s", "无法读取 %s：%s"), path, strerror(errno));
    }
    if (yaml_read(buf_str(&text), &file->document, &fault) == 0)
        return EXIT_OK_;
    output_line(&reason, buf_text(&fault.reason));
    return cli_fail(EXIT_ERROR, "%s:%zu:%zu: %s", path, fault.line, fault.column, buf_text(&reason));
}

void document_file_close(struct document_file *file)
{
    yaml_document_fini(&file->document);
}

int document_file_fault(const struct document_file *file, const struct plan_fault *fault)
{
    const struct document_places *places = &file->document.places;
    _cleanup_buf_ struct buf path = BUF_INIT, at = BUF_INIT, reason = BUF_INIT;

    document_places_path(places, buf_text(&fault->at), &path);
    output_line(&at, buf_text(&path));
    output_line(&reason, buf_text(&fault->reason));
    return cli_fail(EXIT_ERROR, "%s:%zu: %s%s%s", file->path,
                    document_places_line(places, buf_text(&fault->at)), buf_text(&at), at.n ? ": " : "",
                    buf_text(&reason));
}
