import tensorflow as tf

writer = tf.summary.create_file_writer("logs/train")
with writer.as_default():
    for step in range(20):
        tf.summary.scalar("loss", 1 / (step + 1), step=step)
writer.close()
