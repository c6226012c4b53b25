/* Everything that deskctl does with a calendar begins with a document that is right. */
#include "deskctl/calendar_file.h"
#include "deskctl/calendar_document.h"
#include "deskctl/holidays.h"
#include "deskctl/output.h"
#include "deskctl/whole_file.h"
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
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    const char *zone;
    json_error_t error;
    int code;

    *file = (struct calendar_file){.path = path};
    code = calendar_file_text(path, &text);
    if (code != EXIT_OK_)
        return code;
    file->document = json_loadb(buf_text(&text), text.n, JSON_REJECT_DUPLICATES, &error);
    if (!file->document) {
        buf_printf(&fault.at, "line %d", error.line);
        buf_add_text(&fault.reason, "is not JSON: ");
        buf_add_utf8(&fault.reason, str_from(error.text));
        return calendar_file_fault(path, &fault);
    }
    if (calendar_file_check(file, &fault) < 0)
        return calendar_file_fault(path, &fault);
    zone = json_string_value(json_object_get(file->document, "zone"));
    file->zone = zone ? zone_book_get(&file->zones, zone) : NULL;
    return EXIT_OK_;
}

void calendar_file_close(struct calendar_file *file)
{
    json_decref(file->document);
    calendar_free(file->calendar);
    zone_book_fini(&file->zones);
    *file = (struct calendar_file){0};
}

int calendar_file_save(const struct calendar_file *file)
{
    _cleanup_(freep) char *text = calendar_document_text(file->document);

    if (whole_file_replace(file->path, str_from(text), 0644) == 0)
        return EXIT_OK_;
    return cli_fail(EXIT_ERROR, T("cannot write %s: %s", "无法写入 %s：%s"), file->path, strerror(errno));
}
