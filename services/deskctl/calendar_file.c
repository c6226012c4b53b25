/* Everything that deskctl does with a calendar begins with a document that is right. */
#include "deskctl/calendar_file.h"
#include "deskctl/output.h"
#include "deskctl/whole_file.h"
#include "deskctl/yaml_write.h"
#include "holiday/calendar_document.h"
#include "holiday/holidays.h"
#include "plan/calendar_json.h"
#include <errno.h>

int calendar_file_fault(const char *path, const struct plan_fault *fault)
{
    _cleanup_buf_ struct buf at = BUF_INIT, reason = BUF_INIT;

    output_line(&at, buf_text(&fault->at));
    output_line(&reason, buf_text(&fault->reason));
    return cli_fail(EXIT_ERROR, "%s%s%s: %s", path, at.n ? ", " : "", buf_text(&at), buf_text(&reason));
}

int calendar_file_text(const char *path, struct buf *out)
{
    if (whole_file_read(path, HOLIDAY_FILE_MAX, out) == 0)
        return EXIT_OK_;
    if (errno == EFBIG)
        return cli_fail(EXIT_ERROR, T("%s: is longer than %d bytes", "%s：超过 %d 字节"), path,
                        HOLIDAY_FILE_MAX);
    return cli_fail(EXIT_ERROR, T("cannot read %s: %s", "无法读取 %s：%s"), path, strerror(errno));
}

int calendar_file_check(struct calendar_file *file, struct plan_fault *fault)
{
    const struct plan_node document = plan_root(file->document);
    struct calendar *calendar = NULL;
    int rc = calendar_json_read(&document, &file->zones, &calendar, fault);

    if (rc < 0)
        return rc;
    calendar_free(file->calendar);
    file->calendar = calendar;
    return 0;
}

int calendar_file_open(struct calendar_file *file, const char *path)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    const char *zone;
    int code;

    *file = (struct calendar_file){0};
    code = document_file_open(&file->file, path);
    if (code != EXIT_OK_)
        return code;
    file->document = file->file.document.json;
    if (calendar_file_check(file, &fault) < 0)
        return document_file_fault(&file->file, &fault);
    zone = json_string_value(json_object_get(file->document, "zone"));
    file->zone = zone ? zone_book_get(&file->zones, zone) : NULL;
    return EXIT_OK_;
}

void calendar_file_close(struct calendar_file *file)
{
    document_file_close(&file->file);
    calendar_free(file->calendar);
    zone_book_fini(&file->zones);
    *file = (struct calendar_file){0};
}

int calendar_file_save(const struct calendar_file *file)
{
    const struct yaml_document *document = &file->file.document;
    const char *path = file->file.path;
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (document->comment_line)
        return cli_fail(EXIT_ERROR,
                        T("%s:%zu: the file would be written without its comments; remove them first",
                          "%s:%zu：写入后文件中的注释将丢失；请先删除注释"),
                        path, document->comment_line);
    if (document->is_json)
        calendar_document_text(document->json, &text);
    else
        yaml_write(document->json, &text);
    if (whole_file_replace(path, buf_str(&text), 0644) == 0)
        return EXIT_OK_;
    return cli_fail(EXIT_ERROR, T("cannot write %s: %s", "无法写入 %s：%s"), path, strerror(errno));
}
