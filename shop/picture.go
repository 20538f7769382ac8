package shop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"shopcast/shop/access"
	"shopcast/shop/refusal"
)

// MaxPictureBytes bounds a stored picture; what is uploaded is made smaller before.
const MaxPictureBytes = 4 << 20

// SavePicture stores JPEG bytes as a file named after their hash and returns the
// name. Saving the same picture twice is one file.
func (s *Shop) SavePicture(ctx context.Context, actor Actor, jpeg []byte) (PictureID, error) {
	if err := actor.mayFor(access.ScopeWriteCatalog); err != nil {
		return "", err
	}
	if len(jpeg) > MaxPictureBytes {
		return "", refusal.New(refusal.CodeTooLarge, "the picture is too large")
	}
	if !bytes.HasPrefix(jpeg, []byte{0xff, 0xd8, 0xff}) {
		return "", refusal.Field(refusal.CodeBadInput, "picture", "this is not a JPEG picture")
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	sum := sha256.Sum256(jpeg)
	name := PictureID(hex.EncodeToString(sum[:]))
	if s.hasPicture(name) {
		return name, nil
	}
	return name, writeWhole(s.picturePath(name), jpeg)
}

// writeWhole puts a file in place at once: whoever opens the name finds all of the
// bytes or no file, also after a crash.
func writeWhole(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	_, err = temp.Write(data)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write picture: %w", errors.Join(err, os.Remove(temp.Name())))
	}
	return nil
}

// Picture returns the bytes of a picture.
func (s *Shop) Picture(name PictureID) ([]byte, error) {
	missing := refusal.New(refusal.CodeNotFound, "there is no such picture")
	if !name.IsValid() {
		return nil, missing
	}
	data, err := os.ReadFile(s.picturePath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing
	}
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	return data, nil
}

func (s *Shop) hasPicture(name PictureID) bool {
	if !name.IsValid() {
		return false
	}
	_, err := os.Stat(s.picturePath(name))
	return err == nil
}

// picturePath is for valid ids only: they are hex and cannot climb out.
func (s *Shop) picturePath(name PictureID) string {
	return filepath.Join(s.dir, pictureDir, string(name)+".jpg")
}
