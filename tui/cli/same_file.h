/* What is written must not take the place of what is read. */
#ifndef CLI_SAME_FILE_H
#define CLI_SAME_FILE_H

#include <stdbool.h>

/*
 * Do both paths lead to one regular file, through whatever links, or would they once it is written? Pipes and devices are none:
 * writing takes nothing away from them.
 */
bool same_file(const char *path, const char *other);

#endif
