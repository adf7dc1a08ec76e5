/* Folders that other users cannot change, as a place for files that are run. */
#ifndef TRUSTED_FOLDER_H
#define TRUSTED_FOLDER_H

/* Open a folder to which only this user and root can write, and create it if it does not exist. Return -1 if another
 * user can write to it, or can replace a folder on the way to it: files of another user must never be run.
 *
 * `path` becomes the kernel's name for the folder, which has no links. So each later use follows the path that was
 * checked.
 */
int open_trusted_folder(char *path);

#endif
